package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// startOn starts a command on one core: a new process runs where the thread that starts it may run. taskset would do
// the same, but its own start would count as the command's. Whatever ends this process ends the command with it.
func startOn(core int, cmd *exec.Cmd) error {
	var only unix.CPUSet
	only.Set(core)
	return startWithin(&only, fmt.Sprintf("core %d", core), cmd)
}

// startAnywhere starts a command on both cores: one that has what it measures and what asks it among its own children.
func startAnywhere(cmd *exec.Cmd) error {
	var both unix.CPUSet
	both.Set(serverCore)
	both.Set(loadCore)
	return startWithin(&both, "both cores", cmd)
}

func startWithin(cores *unix.CPUSet, name string, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	if err := unix.SchedSetaffinity(0, cores); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Start()
}
