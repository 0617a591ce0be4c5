package proc_test

import (
	"os/exec"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/internal/proc"
)

// On every platform a process runs until it ends by itself.
func TestProcessEndsByItself(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("pwd")
	if err != nil {
		t.Skip(err)
	}
	p, err := proc.Start(proc.Spec{Path: path, Name: "pwd", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	select {
	case <-p.Gone():
	case <-time.After(20 * time.Second):
		p.Kill()
		t.Fatal("the process has not ended after 20 seconds")
	}
	if got := p.Exit(); got != "exit status 0" {
		t.Errorf("the process ended with %q", got)
	}
}
