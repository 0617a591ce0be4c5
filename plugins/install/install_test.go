package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// files writes a directory of files by their names, and returns its path.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func TestInstall(t *testing.T) {
	t.Parallel()
	from := files(t, map[string]string{
		"protocol-grpc-a": "new", "protocol-rpc-b": "same", "protocol-grpc-c": "changed", "README.md": "no plugin",
	})
	to := files(t, map[string]string{
		"protocol-rpc-b": "same", "protocol-grpc-c": "old", "protocol-rpc-d": "another's",
	})
	if err := os.Symlink("protocol-grpc-a", filepath.Join(from, "protocol-grpc-link")); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(to, "protocol-rpc-b"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"-from=" + from, to}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	const told = "protocol-grpc-a is installed\nprotocol-grpc-c is installed\nprotocol-rpc-b is there already\n"
	if stdout.String() != told {
		t.Errorf("it tells %q, want %q", &stdout, told)
	}
	want := []string{"protocol-grpc-a", "protocol-grpc-c", "protocol-rpc-b", "protocol-rpc-d"}
	if got := names(t, to); !slices.Equal(got, want) {
		t.Errorf("the volume holds %v, want %v: no link, nothing else, no temporary file", got, want)
	}
	if got, err := os.ReadFile(filepath.Join(to, "protocol-grpc-c")); err != nil || string(got) != "changed" {
		t.Errorf("protocol-grpc-c holds %q, %v", got, err)
	}
	if info, err := os.Stat(filepath.Join(to, "protocol-grpc-a")); err != nil || info.Mode() != executable {
		t.Errorf("protocol-grpc-a has the mode %v, %v; everyone must be able to run it", info.Mode(), err)
	}
	after, err := os.Stat(filepath.Join(to, "protocol-rpc-b"))
	if err != nil || !os.SameFile(before, after) {
		t.Error("a plugin that is there already was replaced, which reloads it")
	}
}

// A file that replaces another is a new one: the old inode is still what a host may be copying.
func TestInstallDoesNotWriteInPlace(t *testing.T) {
	t.Parallel()
	from, to := files(t, map[string]string{"protocol-rpc-a": "new"}), files(t, map[string]string{"protocol-rpc-a": "old"})
	old, err := os.Open(filepath.Join(to, "protocol-rpc-a"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if code := run([]string{"-from=" + from, to}, &bytes.Buffer{}, &bytes.Buffer{}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	content := make([]byte, 3)
	if _, err := old.Read(content); err != nil || string(content) != "old" {
		t.Errorf("the open file reads %q, %v; want what it was", content, err)
	}
}

func TestWhatCannotBeInstalledIsSaid(t *testing.T) {
	t.Parallel()
	full := files(t, map[string]string{"protocol-grpc-a": "a"})
	blocked := t.TempDir()
	if err := os.Mkdir(filepath.Join(blocked, "protocol-grpc-a"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no directory", nil, 2, "usage: install"},
		{"two directories", []string{"a", "b"}, 2, "usage: install"},
		{"unknown flag", []string{"-nosuch"}, 2, "flag provided but not defined"},
		{"help", []string{"-h"}, 0, "usage: install"},
		{"nothing to install", []string{"-from=" + t.TempDir(), t.TempDir()}, 1, "holds no plugin"},
		{"no source", []string{"-from=/nosuch", t.TempDir()}, 1, "/nosuch: no such file"},
		{"no volume", []string{"-from=" + full, "/nosuch"}, 1, "/nosuch: no such file"},
		{"a directory in the way", []string{"-from=" + full, blocked}, 1, "protocol-grpc-a: "},
	} {
		var stderr bytes.Buffer
		if code := run(test.args, &bytes.Buffer{}, &stderr); code != test.code {
			t.Errorf("%s: exit code %d, want %d", test.name, code, test.code)
		}
		if !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%s: it says %q, want %q in it", test.name, &stderr, test.want)
		}
	}
	if got := names(t, blocked); len(got) != 1 {
		t.Errorf("after the failure the volume holds %v, want no temporary file", got)
	}
}
