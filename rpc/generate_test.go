package rpc_test

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

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// protocVersion is the line of a generated file that depends on which protoc is installed.
var protocVersion = regexp.MustCompile(`(?m)^// (-|\t) ?protoc +v.*\n`)

func TestGeneratedCodeIsCurrent(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "protoc")
	out := t.TempDir()
	generate := exec.CommandContext(t.Context(), "./generate.sh", out)
	if output, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("generate.sh: %v\n%s", err, output)
	}
	fresh, committed := goFiles(t, filepath.Join(out, "rpc", "pb")), goFiles(t, "pb")
	if !slices.Equal(fresh, committed) {
		t.Fatalf("pb has the files\n%s\nbut protoc makes\n%s\nrun make generate",
			strings.Join(committed, "\n"), strings.Join(fresh, "\n"))
	}
	for _, name := range fresh {
		got, want := generated(t, filepath.Join("pb", name)), generated(t, filepath.Join(out, "rpc", "pb", name))
		if !bytes.Equal(got, want) {
			t.Errorf("pb/%s is not what the .proto files say; run make generate", name)
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
