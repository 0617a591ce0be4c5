// Package readme runs the commands that the README shows.
package readme

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// elsewhere are the commands that other tests run, or that run this one.
var elsewhere = map[string]string{
	"make test":  "is what runs this test",
	"make image": "is run by test/image/run.sh",
}

// TestCommands runs every line of the README's sh blocks as it stands, in the order of the page, beside `make run`.
func TestCommands(t *testing.T) {
	testkit.Need(t, "curl")
	commands := shellLines(t)
	if commands[0] != "make run" {
		t.Fatalf("the README's first command is %q; a newcomer wants make run", commands[0])
	}
	run(t, "make build")
	makeRun(t)
	for _, command := range commands[1:] {
		if why, other := elsewhere[command]; other {
			t.Logf("%s %s", command, why)
			continue
		}
		run(t, command)
	}
}

// shellLines are the lines of the README's sh blocks.
func shellLines(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	inside := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "```sh":
			inside = true
		case line == "```":
			inside = false
		case inside:
			lines = append(lines, line)
		}
	}
	if len(lines) < 10 {
		t.Fatalf("the README shows %d commands only: the test reads it wrongly", len(lines))
	}
	return lines
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
