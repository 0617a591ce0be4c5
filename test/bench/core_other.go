//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

// startOn says that only Linux lets a process be told where to run.
func startOn(int, *exec.Cmd) error {
	return errors.New("measuring needs Linux, which can keep a process on one core")
}
