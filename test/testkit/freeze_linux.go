package testkit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Freeze stops a process and returns when all of its threads stand still: the signal alone is on its way when kill(2)
// returns, and a thread that has not heard of it may still answer somebody. SIGCONT lets the process go on.
func Freeze(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatalf("stopping process %d: %v", pid, err)
	}
	Eventually(t, 10*time.Second, fmt.Sprintf("the threads of process %d to stop", pid), func() bool {
		return frozen(t, pid)
	})
}

func frozen(t testing.TB, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if status, err := os.ReadFile(thread); err == nil && state(status) != 'T' {
			return false
		}
	}
	return len(threads) > 0
}

// state returns the state of a process or a thread, given its stat file: see proc_pid_stat(5).
func state(stat []byte) byte {
	after := stat[bytes.LastIndexByte(stat, ')')+1:] // The name of the program before it may hold anything.
	if len(after) < len(" R") {
		return 0
	}
	return after[1]
}
