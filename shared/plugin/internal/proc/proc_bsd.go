//go:build unix && !linux

package proc

import "syscall"

func (leash) attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
