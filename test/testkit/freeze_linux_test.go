package testkit_test

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestFreeze asks the kernel, which tells a parent that its child was stopped only when all threads of it were.
func TestFreeze(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Freeze(t, child.Process.Pid)
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(child.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
	if err != nil || pid != child.Process.Pid || !status.Stopped() {
		t.Errorf("the kernel tells of %d, stopped: %t (%v); want %d, stopped", pid, status.Stopped(), err, child.Process.Pid)
	}
	if err := child.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	if err := child.Wait(); err != nil {
		t.Errorf("a process that goes on ends with %v", err)
	}
}
