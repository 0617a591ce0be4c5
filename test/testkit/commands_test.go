package testkit_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestCommandsAreThoseOfShellBlocks(t *testing.T) {
	t.Parallel()
	document := filepath.Join(t.TempDir(), "README.md")
	text := "Run `make no`:\n\n```sh\nmake run\n\nkn service create podinfo \\\n  --cluster-local\n```\n\n" +
		"```yaml\nmake: no\n```\n"
	if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"make run", "kn service create podinfo --cluster-local"}
	if got := testkit.Commands(t, document); !slices.Equal(got, want) {
		t.Errorf("commands %q, want %q", got, want)
	}
	if got := testkit.CommandsOf(t, document, "kn", "sam"); !slices.Equal(got, want[1:]) {
		t.Errorf("commands of kn %q, want %q", got, want[1:])
	}
}
