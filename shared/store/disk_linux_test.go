package store_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/store"
)

// mount puts a file system of its own, of the given size, on a new directory.
func mount(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("SKIPPED %s: needs the right to mount a tmpfs, which fails with %v", t.Name(), err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// TestDiskFull fills a real disk.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := mount(t, "256k")
	s := store.Open(dir, gibibyte)
	small := put(t, s, hello)
	if _, err := s.Put([]byte(strings.Repeat("x", 1<<20))); !errors.Is(err, store.ErrFull) ||
		!errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Put of 1 MiB on a disk of 256 KiB: %v, want ErrFull because of ENOSPC", err)
	}
	if names := list(t, dir); len(names) != 1 {
		t.Errorf("the directory holds %q, want nothing left of the attempt", names)
	}
	if got, err := s.Get(small); err != nil || string(got) != hello {
		t.Errorf("Get = %q, %v; want what was there", got, err)
	}
	put(t, s, "there is room again")
}

// TestDiskReadOnly stores on a disk that takes no writes. Root may write whatever the mode of a directory is, so for
// root it is the mount that is read-only.
func TestDiskReadOnly(t *testing.T) {
	t.Parallel()
	var dir string
	var protect func() error
	want := error(syscall.EROFS)
	if os.Geteuid() == 0 {
		dir = mount(t, "256k")
		protect = func() error { return syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") }
	} else {
		dir = t.TempDir()
		protect = func() error { return os.Chmod(dir, 0o500) }
		want = syscall.EACCES
	}
	s := store.Open(dir, gibibyte)
	put(t, s, hello)
	if err := protect(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put([]byte("other")); !errors.Is(err, want) || errors.Is(err, store.ErrFull) {
		t.Errorf("Put on a read-only disk: %v, want %v", err, want)
	}
	put(t, s, hello) // is there already
	if got, err := s.Get(helloHash); err != nil || string(got) != hello {
		t.Errorf("Get = %q, %v; want what is there", got, err)
	}
}
