package timoni

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// toolTimeout bounds one run of cue, or of what fetches the types, on a busy machine.
const toolTimeout = 8 * time.Minute

func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), toolTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestCommandLine runs what the module's README tells people without Timoni to run.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	cue := testkit.Install(t, "cuelang.org/go/cmd/cue@v0.17.1")
	tags := []string{"-t", "name=shop", "-t", "namespace=market", "-t", "mv=1.2.3", "-t", "kv=1.34.0"}

	run(t, moduleDir, cue, "fmt", "--check", ".", "./templates")
	debug := append([]string{"-t", "debug"}, tags...)
	for _, values := range [][]string{tags, debug} {
		// Not all is concrete: what is injected is missing in values itself, as in every module.
		run(t, moduleDir, cue, append([]string{"vet", "-c=false", "."}, values...)...)
	}

	read(t, []byte(run(t, moduleDir, cue, append(append([]string{"cmd"}, debug...), "build")...)))
	list := run(t, moduleDir, cue, append(append([]string{"cmd"}, debug...), "ls")...)
	for _, kind := range []string{"ServiceAccount", "Service", "Deployment", "HorizontalPodAutoscaler", "Ingress",
		"ServiceMonitor", "Job"} {
		if !strings.Contains(list, "\n"+kind+" ") {
			t.Errorf("debug_values.cue leaves out the %s:\n%s", kind, list)
		}
	}
}

// TestTypesAreGenerated generates the types of Kubernetes again: they are not to be edited, and are of the version that
// vendor.sh names.
func TestTypesAreGenerated(t *testing.T) {
	t.Parallel()
	generated := filepath.Join(t.TempDir(), "gen")
	run(t, filepath.Dir(moduleDir), "./vendor.sh", generated)
	committed, err := filepath.Abs(filepath.Join(moduleDir, "cue.mod", "gen"))
	if err != nil {
		t.Fatal(err)
	}
	want, got := tree(t, generated), tree(t, committed)
	if len(want) == 0 {
		t.Fatal("vendor.sh has generated nothing")
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("cue.mod/gen/%s is not what vendor.sh makes; run it", name)
		}
	}
	for name := range got {
		if _, made := want[name]; !made {
			t.Errorf("cue.mod/gen/%s is not made by vendor.sh; run it", name)
		}
	}
}

// tree reads all files below dir, by their paths in it.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
