package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// cbor is the plugin of these tests.
const cbor = "plugins/protocol-grpc-cbor"

// adminToken is that of the operator in these tests.
const adminToken = "correct-horse"

// plugged is a running server with plugins.
type plugged struct {
	*testkit.Process
	dir  string // of the plugins
	temp string // where the server and its plugins may leave things behind
}

// startPlugged starts a server with a directory of plugins: copies of the sample plugin for CBOR under these names.
func startPlugged(t *testing.T, names ...string) *plugged {
	t.Helper()
	p := &plugged{dir: t.TempDir(), temp: testkit.ShortDir(t)}
	for _, name := range names {
		testkit.InstallPlugin(t, cbor, p.dir, name)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(adminToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Process = testkit.StartPodinfo(t, "--plugins-path="+p.dir, "--plugins-poll-interval=50ms",
		"--plugin-admin-token-file="+token, "TMPDIR="+p.temp)
	return p
}

// ask sends a request as the operator, and returns the answer.
func (p *plugged) ask(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	status, answer, err := p.try(t.Context(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

func (p *plugged) try(ctx context.Context, method, path, body string) (status int, answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, p.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+adminToken)
	request.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	return got.StatusCode, string(text), err
}

// status asks for what there is to tell about a plugin. The zero Status is that of one that is not there.
func (p *plugged) status(t *testing.T, name string) contract.Status {
	t.Helper()
	code, body := p.ask(t, http.MethodGet, "/plugins/"+name, "")
	if code == http.StatusNotFound {
		return contract.Status{}
	}
	return read(t, body)
}

// gone tells whether a process has ended.
func gone(pid int) func() bool { return func() bool { return testkit.Gone(pid) } }

func read(t *testing.T, body string) contract.Status {
	t.Helper()
	var status contract.Status
	if err := json.Unmarshal([]byte(body), &status); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return status
}

// await waits for a plugin to be ready.
func (p *plugged) await(t *testing.T, name string) contract.Status {
	t.Helper()
	var status contract.Status
	testkit.Eventually(t, 2*patience, name+" to be ready", func() bool {
		status = p.status(t, name)
		return status.State == contract.Ready
	})
	return status
}

// mustEncode has a plugin encode 1, which is CBOR's byte 1.
func (p *plugged) mustEncode(t *testing.T, name string) {
	t.Helper()
	if status, body := p.ask(t, http.MethodPost, "/plugins/"+name+"/encode", "1"); status != 200 || body != "\x01" {
		t.Errorf("%s encodes 1 as %d %q", name, status, body)
	}
}

// mustOrder gives a plugin an order, and returns what became of it.
func (p *plugged) mustOrder(t *testing.T, order, name string) contract.Status {
	t.Helper()
	code, body := p.ask(t, http.MethodPost, "/plugins/"+name+"/"+order, "")
	if code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", order, name, code, body)
	}
	return read(t, body)
}

// TestPlugins goes through the life of a plugin, on both transports.
func TestPlugins(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"protocol-grpc-cbor", "protocol-rpc-cbor"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPlugged(t, name)
			first := p.await(t, name)
			p.mustEncode(t, name)
			if code, body := p.ask(t, http.MethodPost, "/plugins/"+name+"/decode", `"oWFhAQ=="`); code != 200 ||
				body != "{\n  \"a\": 1\n}" {
				t.Errorf("decoded: %d %s", code, body)
			}

			second := p.mustOrder(t, "reload", name)
			if second.PID == first.PID || second.State != contract.Ready || second.Reloads != 1 {
				t.Errorf("reloaded: %+v, was %+v", second, first)
			}
			p.mustEncode(t, name)
			testkit.Eventually(t, patience, "the process that was replaced to end", gone(first.PID))

			killed := p.mustOrder(t, "kill", name)
			if killed.State != contract.Stopped || killed.PID != 0 || !testkit.Gone(second.PID) {
				t.Errorf("killed: %+v, and process %d gone: %t", killed, second.PID, testkit.Gone(second.PID))
			}
			if code, body := p.ask(t, http.MethodPost, "/plugins/"+name+"/encode", "1"); code != 503 {
				t.Errorf("a plugin that was killed answers %d %s", code, body)
			}

			third := p.mustOrder(t, "start", name)
			if third.State != contract.Ready {
				t.Errorf("started: %+v", third)
			}
			p.mustEncode(t, name)

			if code, body := p.ask(t, http.MethodDelete, "/plugins/"+name, ""); code != http.StatusNoContent {
				t.Errorf("deleted: %d %s", code, body)
			}
			if _, err := os.Stat(filepath.Join(p.dir, name)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file is still there (%v)", err)
			}
			if !testkit.Gone(third.PID) {
				t.Errorf("process %d outlives the plugin that was deleted", third.PID)
			}
			testkit.Eventually(t, patience, "the plugin to be forgotten", func() bool { return p.status(t, name).Name == "" })
		})
	}
}

// TestPluginsComeWhileServing adds a plugin to the directory of a server that runs, and then replaces its file.
func TestPluginsComeWhileServing(t *testing.T) {
	t.Parallel()
	p := startPlugged(t)
	if code, body := p.ask(t, http.MethodGet, "/plugins", ""); code != 200 || body != "[]" {
		t.Errorf("without plugins the list is %d %s", code, body)
	}
	testkit.InstallPlugin(t, cbor, p.dir, "protocol-grpc-cbor")
	first := p.await(t, "cbor")
	p.mustEncode(t, "cbor")
	testkit.InstallPlugin(t, cbor, p.dir, "protocol-grpc-cbor", []byte("another version")...)
	testkit.Eventually(t, 2*patience, "the new version to serve", func() bool {
		now := p.status(t, "cbor")
		return now.State == contract.Ready && now.SHA256 != first.SHA256
	})
	p.mustEncode(t, "cbor")
}

// TestPluginsEndWithTheServer looks for everything that a server with plugins might leave behind.
func TestPluginsEndWithTheServer(t *testing.T) {
	t.Parallel()
	p := startPlugged(t, "protocol-grpc-cbor", "protocol-rpc-other")
	pids := []int{p.await(t, "protocol-grpc-cbor").PID, p.await(t, "protocol-rpc-other").PID}
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for _, pid := range pids {
		if !testkit.Gone(pid) {
			t.Errorf("plugin %d outlives the server", pid)
		}
	}
	if left, err := os.ReadDir(p.temp); err != nil || len(left) > 0 {
		t.Errorf("the server leaves %v (%v)", left, err)
	}
	if strings.Contains(p.Stderr(), adminToken) {
		t.Error("the admin token is in the log")
	}
}

// TestCallsOfPluginsAreAnsweredAtTheStop holds a plugin up, so that its call is in flight when the server is to stop.
func TestCallsOfPluginsAreAnsweredAtTheStop(t *testing.T) {
	t.Parallel()
	p := startPlugged(t, "protocol-grpc-cbor")
	pid := p.await(t, "cbor").PID
	testkit.Freeze(t, pid)
	answered := make(chan string, 1)
	go func() {
		status, body, err := p.try(t.Context(), http.MethodPost, "/plugins/cbor/encode", "1")
		answered <- fmt.Sprintf("%d %q %v", status, body, err)
	}()
	testkit.Eventually(t, patience, "the call to be in flight", func() bool { return p.status(t, "cbor").InFlight == 1 })
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, "the server to take leave", func() bool {
		return strings.Contains(p.Stderr(), "Shutting down HTTP/HTTPS server")
	})
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got != `200 "\x01" <nil>` {
		t.Errorf("the call in flight is answered with %q, want its result", got)
	}
	if code := p.Wait(t, patience); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestPluginsDieWithAServerThatIsKilled has no chance to end them.
func TestPluginsDieWithAServerThatIsKilled(t *testing.T) {
	t.Parallel()
	p := startPlugged(t, "protocol-grpc-cbor", "protocol-rpc-other")
	pids := []int{p.await(t, "protocol-grpc-cbor").PID, p.await(t, "protocol-rpc-other").PID}
	if code := p.Stop(t, syscall.SIGKILL); code != -1 {
		t.Fatalf("exit code %d of a server that was killed", code)
	}
	for _, pid := range pids {
		testkit.Eventually(t, patience, fmt.Sprintf("plugin %d to end with its server", pid), gone(pid))
	}
}

// TestAPanicEndsPluginsToo has a server that ends in the midst of everything.
func TestAPanicEndsPluginsToo(t *testing.T) {
	t.Parallel()
	p := startPlugged(t, "protocol-grpc-cbor")
	pid := p.await(t, "cbor").PID
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/panic", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := http.DefaultClient.Do(request); err == nil {
		t.Errorf("/panic is answered with %s", answer.Status)
		_ = answer.Body.Close()
	}
	if code := p.Wait(t, patience); code != 255 {
		t.Errorf("exit code %d, want 255", code)
	}
	testkit.Eventually(t, patience, "the plugin to end with its server", gone(pid))
}

// TestReadinessDoesNotWaitForPlugins has one that never comes up beside one that cannot run at all. Neither keeps the
// server from its work.
func TestReadinessDoesNotWaitForPlugins(t *testing.T) {
	t.Parallel()
	p := startPlugged(t)
	for name, program := range map[string]string{
		"protocol-grpc-hangs": "#!/bin/sh\nexec sleep 1000\n", "protocol-rpc-garbage": "this is no program\n",
	} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, patience, "the plugins to be found", func() bool {
		return p.status(t, "hangs").State == contract.Starting && p.status(t, "garbage").Name != ""
	})
	if answer := testkit.Get(t, p.URL+"/readyz"); answer.Status != http.StatusOK {
		t.Errorf("readiness is %d while a plugin starts", answer.Status)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/plugins/hangs/encode", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	after, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if answer.StatusCode != http.StatusServiceUnavailable || err != nil || after < 1 {
		t.Errorf("a plugin that starts answers %d, Retry-After %q; want 503 and a number of seconds", answer.StatusCode,
			answer.Header.Get("Retry-After"))
	}
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if left, err := os.ReadDir(p.temp); err != nil || len(left) > 0 {
		t.Errorf("the server leaves %v (%v)", left, err)
	}
}

// TestAPortThatIsTakenLeavesNoPlugins has a server that opened its plugins before it found that it cannot listen.
func TestAPortThatIsTakenLeavesNoPlugins(t *testing.T) {
	t.Parallel()
	first := testkit.StartPodinfo(t)
	dir, temp := t.TempDir(), testkit.ShortDir(t)
	testkit.InstallPlugin(t, cbor, dir, "protocol-grpc-cbor")
	code, _, stderr := exec(t, "--host=127.0.0.1", "--port="+first.URL[strings.LastIndex(first.URL, ":")+1:],
		"--plugins-path="+dir, "TMPDIR="+temp)
	if code != 1 || !strings.Contains(stderr, "failed to listen") {
		t.Errorf("exit code %d, stderr %s; want 1 and why", code, stderr)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("the server leaves %v (%v)", left, err)
	}
}

// TestPluginsThatCannotBeOpenedEndTheStart wants one line that names what is wrong.
func TestPluginsThatCannotBeOpenedEndTheStart(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		settings []string
		says     string
	}{
		"no directory":   {[]string{"--plugins-path=" + nowhere}, nowhere},
		"a file":         {[]string{"--plugins-path=" + file}, file},
		"no stage":       {[]string{"--plugins-path=" + t.TempDir(), "--plugins-stage-path=" + file}, file},
		"no checksums":   {[]string{"--plugins-path=" + t.TempDir(), "--plugin-checksums=" + nowhere}, nowhere},
		"bad checksums":  {[]string{"--plugins-path=" + t.TempDir(), "--plugin-checksums=/dev/null/x"}, "/dev/null/x"},
		"no admin token": {[]string{"--plugin-admin-token-file=" + nowhere}, nowhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := exec(t, append(test.settings, "PODINFO_JWT_SECRET=of the test")...)
			if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, test.says) ||
				strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 2 and a line that names %s", code, stdout, stderr, test.says)
			}
		})
	}
}
