package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// A plugin whose file cannot be deleted, as on a volume that is mounted read-only, is not killed for nothing.
func TestDeleteInReadOnlyDirectoryKillsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, dir := serve(t, name)
		before := status(t, h, name)
		makeReadOnly(t, dir)
		if err := h.Delete(t.Context(), name); !errors.Is(err, contract.ErrReadOnly) {
			t.Errorf("the error is %v, want %v", err, contract.ErrReadOnly)
		}
		if after := status(t, h, name); after.State != contract.Ready || after.PID != before.PID {
			t.Errorf("it was %+v, and is %+v", before, after)
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	})
}

func status(t *testing.T, h *host.Host, name string) contract.Status {
	t.Helper()
	s, err := h.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// makeReadOnly does it by a mount where permissions hold nobody back.
func makeReadOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
		return
	}
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		testkit.Lack(t, "a mount that is read-only: "+err.Error())
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}
