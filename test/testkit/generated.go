package testkit

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// GeneratedFrom fails the test when the code below dir is not what rpc/generate.sh makes of the .proto files below
// protos. dir is where their option go_package puts it, as a path relative to the module's root; protos is relative to
// the test.
func GeneratedFrom(t *testing.T, protos, dir string) {
	t.Helper()
	Need(t, "protoc")
	module, err := root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	generate := exec.CommandContext(t.Context(), filepath.Join(module, "rpc", "generate.sh"), out, protos)
	if output, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("generate.sh: %v\n%s", err, output)
	}
	freshDir, committedDir := filepath.Join(out, dir), filepath.Join(module, dir)
	fresh, committed := goFiles(t, freshDir), goFiles(t, committedDir)
	if !slices.Equal(fresh, committed) {
		t.Fatalf("%s has the files\n%s\nbut protoc makes\n%s\nrun make generate", dir,
			strings.Join(committed, "\n"), strings.Join(fresh, "\n"))
	}
	for _, name := range fresh {
		got, want := generated(t, filepath.Join(committedDir, name)), generated(t, filepath.Join(freshDir, name))
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the .proto files say; run make generate", filepath.Join(dir, name))
		}
	}
}

// goFiles lists the files below dir.
func goFiles(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// protocVersion is the line of a generated file that depends on which protoc is installed.
var protocVersion = regexp.MustCompile(`(?m)^// (-|\t) ?protoc +v.*\n`)

// generated reads a file without the version of protoc.
func generated(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stripped := protocVersion.ReplaceAll(data, nil)
	if len(stripped) == len(data) {
		t.Errorf("%s does not say which protoc made it", path)
	}
	return stripped
}
