// Package readme runs the commands that the README shows.
package readme

import (
	"context"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// elsewhere tells, by how they begin, which commands other tests run, and where; or that they run this one.
var elsewhere = []struct{ begins, where string }{
	{"make test", "is what runs this test"},
	{"make image", "is run by test/image/run.sh"},
	{"make e2e", "runs test/e2e"},
	{"helm ", "is run by test/e2e/kubernetes"},
	{"kubectl ", "is run by test/e2e/kubernetes"},
	{"kn ", "is held against the manifest by test/deploy/knative"},
	{"timoni ", "is held against the module by test/deploy/timoni"},
	{"(cd deploy/sam ", "is held against the template by test/deploy/sam"},
	{"gcloud ", "is read by gcloud itself in targets/cloudfunctions"},
	{"docker compose ", "is held against the file by test/deploy/otel"},
}

// TestCommands runs every line of the README's sh blocks as it stands, in the order of the page, beside `make run`.
func TestCommands(t *testing.T) {
	testkit.Need(t, "curl")
	commands := testkit.Commands(t, "../../README.md")
	if len(commands) < 10 {
		t.Fatalf("the README shows %d commands only: the test reads it wrongly", len(commands))
	}
	if commands[0] != "make run" {
		t.Fatalf("the README's first command is %q; a newcomer wants make run", commands[0])
	}
	run(t, "make build")
	makeRun(t)
	for _, command := range commands[1:] {
		if where, other := runElsewhere(command); other {
			t.Logf("%s %s", command, where)
			continue
		}
		run(t, command)
	}
}

func runElsewhere(command string) (where string, other bool) {
	for _, known := range elsewhere {
		if strings.HasPrefix(command, known.begins) {
			return known.where, true
		}
	}
	return "", false
}

// run runs one command as a newcomer would, in the root of the repository.
func run(t *testing.T, command string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", command)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
	if len(out) == 0 && !strings.Contains(command, "-X POST") && !strings.HasPrefix(command, "make") {
		t.Errorf("%s printed nothing", command)
	}
}

// makeRun starts podinfo as the README says and stops it with the test. The ports are the README's own, so the test
// needs them free.
func makeRun(t *testing.T) {
	t.Helper()
	cmd := exec.Command("make", "run")
	cmd.Dir = "../.."
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // make and what it starts end together
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		if !strings.Contains(out.String(), "http://localhost:9898/") {
			t.Errorf("make run does not say which URL to open:\n%s", out.String())
		}
	})
	testkit.Eventually(t, time.Minute, "make run to answer on port 9898", func() bool {
		answer, err := http.Get("http://localhost:9898/healthz")
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
}
