package otel

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	plugin   = "protocol-grpc-echo"
	operator = "token-of-the-test"
)

// withPlugin returns the settings with which podinfo runs the plugin echo, and lets the test kill it.
func withPlugin(t *testing.T) []string {
	t.Helper()
	binary, err := os.ReadFile(testkit.Build(t, "test/e2e/echo"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, plugin), binary, 0o700); err != nil { //nolint:gosec // It is a program.
		t.Fatal(err)
	}
	return []string{
		"--plugins-path=" + dir, "--plugins-poll-interval=20ms", "PODINFO_PLUGIN_ADMIN_TOKEN=" + operator,
	}
}

// pluginReady waits until the plugin takes calls, and returns its process.
func pluginReady(t *testing.T, p *testkit.Process) int {
	t.Helper()
	var status contract.Status
	testkit.Eventually(t, patience, "the plugin to be ready", func() bool {
		got := testkit.Get(t, p.URL+"/plugins/"+plugin)
		status = contract.Status{}
		return got.Status == http.StatusOK && json.Unmarshal([]byte(got.Body), &status) == nil &&
			status.State == contract.Ready
	})
	return status.PID
}

// usePlugin has podinfo call the plugin, once each way.
func usePlugin(t *testing.T, p *testkit.Process) {
	t.Helper()
	pluginReady(t, p)
	for _, call := range []string{"encode", "decode"} {
		if got := request(t, p, http.MethodPost, "/plugins/"+plugin+"/"+call); got != http.StatusOK {
			t.Fatalf("%s answers %d", call, got)
		}
	}
}

// stopPlugin kills the plugin as an operator does, so that it stays stopped.
func stopPlugin(t *testing.T, p *testkit.Process) {
	t.Helper()
	pluginReady(t, p)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/plugins/"+plugin+"/kill", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+operator)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("kill answers %s, %v", answer.Status, err)
	}
}

// crashPlugin kills the plugin's process, and returns when podinfo has started another.
func crashPlugin(t *testing.T, p *testkit.Process) {
	t.Helper()
	before := pluginReady(t, p)
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, "another process of the plugin", func() bool { return pluginReady(t, p) != before })
}

// latePlugin asks the plugin for what it does not answer in time.
func latePlugin(t *testing.T, p *testkit.Process) {
	t.Helper()
	pluginReady(t, p)
	answer, err := http.Post(p.URL+"/plugins/"+plugin+"/decode", "application/octet-stream", strings.NewReader("late"))
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusGatewayTimeout {
		t.Fatalf("a call that is late answers %s, %v", answer.Status, err)
	}
}
