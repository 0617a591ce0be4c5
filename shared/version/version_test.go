package version_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/version"
)

func TestVersionIsSemantic(t *testing.T) {
	t.Parallel()
	if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(version.Version) {
		t.Errorf("Version is %q, want major.minor.patch without a leading v", version.Version)
	}
}

func TestRevisionUnstamped(t *testing.T) {
	t.Parallel()
	if version.Revision != "unknown" {
		t.Errorf("Revision is %q in a build without a stamp, want unknown", version.Revision)
	}
}

// The linker ignores a -X that names no variable, so a renamed package or variable would lose the stamp in silence.
func TestRevisionIsStamped(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "go", "run", "-ldflags",
		"-X github.com/podinfo-targets/podinfo/shared/version.Revision=abc123", "./testdata/printer")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("go run: %v\n%s", err, out)
	}
	if got, want := strings.TrimSpace(string(out)), version.Version+" abc123"; got != want {
		t.Errorf("a stamped binary says %q, want %q", got, want)
	}
}
