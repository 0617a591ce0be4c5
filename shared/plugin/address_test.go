package plugin_test

import (
	"net"
	"os"
	"testing"
)

func unixAddress(path string) net.Addr { return &net.UnixAddr{Net: "unix", Name: path} }

// shortDir returns a directory whose path leaves room for the name of a socket, which t.TempDir does not for long names
// of tests.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "plugin") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
