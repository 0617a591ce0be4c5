package main

import (
	"fmt"
	"syscall"
)

// mountProc gives the pod's processes a /proc of their own. In that of the machine the numbers of processes are other
// ones: a process that looked itself up, as for the metrics of its CPU time, would find a stranger or nothing.
func mountProc() error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keeping mounts to the pod: %w", err)
	}
	const usual = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	if err := syscall.Mount("proc", "/proc", "proc", usual, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	return nil
}
