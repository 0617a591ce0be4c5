//go:build !linux

package queueproxy

import (
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

func needLinux(t testing.TB) {
	t.Helper()
	testkit.Lack(t, "the network namespaces of Linux")
}

func isolations() []*syscall.SysProcAttr { return nil }
