package testkit_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestGone(t *testing.T) {
	t.Parallel()
	if testkit.Gone(os.Getpid()) {
		t.Error("the process that asks is gone")
	}
	child := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if testkit.Gone(child.Process.Pid) {
		t.Error("a process that sleeps is gone")
	}
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 10*time.Second, "a process that nobody waits for to be gone", func() bool {
		return testkit.Gone(child.Process.Pid)
	})
	_ = child.Wait() // It was killed.
	if !testkit.Gone(child.Process.Pid) {
		t.Error("a process that was waited for is not gone")
	}
}
