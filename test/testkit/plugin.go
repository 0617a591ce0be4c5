package testkit

import (
	"os"
	"path/filepath"
	"testing"
)

// InstallPlugin puts the program of a main package, as for Build, into dir under a name, as an installer of plugins
// should: all at once. What is to stand behind it makes it another file that does the same.
func InstallPlugin(t testing.TB, pkg, dir, name string, behind ...byte) {
	t.Helper()
	// Not with the race detector, which needs more memory than a server gives to a plugin.
	binary, err := os.ReadFile(Build(t, pkg, "-trimpath"))
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
