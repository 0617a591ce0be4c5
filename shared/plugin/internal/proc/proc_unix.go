//go:build unix

package proc

import "syscall"

// killGroup ends the processes that stayed in the group of the process.
func killGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // fails when none is left
}
