//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

var errNotLinux = errors.New("measuring needs Linux, which can keep a process on one core")

// startOn says that only Linux lets a process be told where to run.
func startOn(int, *exec.Cmd) error { return errNotLinux }

// startAnywhere says the same.
func startAnywhere(*exec.Cmd) error { return errNotLinux }
