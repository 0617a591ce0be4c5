package queueproxy

import (
	"os"
	"syscall"
	"testing"
)

func needLinux(testing.TB) {}

// isolations are the ways to a process that may make networks, the one that needs no privilege first. The namespace of
// processes makes the kernel end all that the process started when it ends itself, however that comes
// (https://man7.org/linux/man-pages/man7/pid_namespaces.7.html).
func isolations() []*syscall.SysProcAttr {
	root := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
	return []*syscall.SysProcAttr{
		{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
			UidMappings: root(os.Getuid()), GidMappings: root(os.Getgid()),
		},
		{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}, // for root, where user namespaces are off
	}
}
