package targettest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// InstallPlugin puts the sample plugin for CBOR into dir under a name, as an installer should: all at once.
func InstallPlugin(t testing.TB, dir, name string) {
	t.Helper()
	InstallPluginWith(t, dir, name, "")
}

// InstallPluginWith does so with bytes behind the program, which make it another file that does the same.
func InstallPluginWith(t testing.TB, dir, name, behind string) {
	t.Helper()
	// Not with the race detector, which needs more memory than a server gives to a plugin.
	binary, err := os.ReadFile(testkit.Build(t, "plugins/protocol-grpc-cbor", "-trimpath"))
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(dir, "."+name)
	if err := os.WriteFile(whole, append(binary, behind...), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	if err := os.Rename(whole, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// ShortDir makes a directory with a path that leaves room for sockets in it, and removes it after the test.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p") //nolint:usetesting // The test's own path names the test at length.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Gone returns a function that tells whether a process has ended. One that ended and that nobody has asked for is gone
// too: whoever its parent is now may take its time.
func Gone(pid int) func() bool {
	return func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return true
		}
		after := bytes.LastIndexByte(status, ')') // The name of the program before it may hold anything.
		return after >= 0 && bytes.HasPrefix(status[after:], []byte(") Z"))
	}
}
