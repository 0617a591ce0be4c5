package main

import (
	"encoding/json"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestPluginsOfARevision come up with it and end with it.
func TestPluginsOfARevision(t *testing.T) {
	t.Parallel()
	dir, temp := t.TempDir(), testkit.ShortDir(t)
	testkit.InstallPlugin(t, "plugins/protocol-grpc-cbor", dir, "protocol-grpc-cbor")
	p := startAlone(t, "PODINFO_PLUGINS_PATH="+dir, "PODINFO_PLUGINS_POLL_INTERVAL=50ms", "TMPDIR="+temp,
		"--shutdown-delay=0s")
	var status contract.Status
	testkit.Eventually(t, 2*patience, "the plugin to be ready", func() bool {
		got := testkit.Get(t, p.URL+"/plugins/cbor")
		return got.Status == http.StatusOK && json.Unmarshal([]byte(got.Body), &status) == nil &&
			status.State == contract.Ready
	})
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if !testkit.Gone(status.PID) {
		t.Errorf("plugin %d outlives the revision", status.PID)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("the revision leaves %v (%v)", left, err)
	}
}
