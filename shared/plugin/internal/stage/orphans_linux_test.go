package stage

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// What runs from the directory of a killed process ends with that; what a link there leads to does not.
func TestOrphansOfAKilledProcessAreEnded(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	sleep, err := os.ReadFile(testkit.Need(t, "sleep"))
	must(t, err)
	run := func(dir string) (ended <-chan error) {
		t.Helper()
		must(t, os.MkdirAll(dir, 0o700))
		program := filepath.Join(dir, "sleep")
		must(t, os.WriteFile(program, sleep, 0o700))
		cmd := exec.CommandContext(t.Context(), program, "60")
		must(t, cmd.Start())
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		return done
	}
	left := filepath.Join(base, prefix+"KILLED")
	write(t, base, prefix+"KILLED"+lockSuffix, "")
	orphan := run(filepath.Join(left, "sum"))

	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	stranger := run(elsewhere)
	must(t, os.Symlink(elsewhere, filepath.Join(base, prefix+"LINK")))
	write(t, base, prefix+"LINK"+lockSuffix, "")

	s, err := Open(base, Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	select {
	case err := <-orphan:
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("the orphan ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the orphan runs on")
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the directory is left: %v", err)
	}
	select {
	case err := <-stranger:
		t.Errorf("the process elsewhere ended with %v", err)
	default:
	}
}
