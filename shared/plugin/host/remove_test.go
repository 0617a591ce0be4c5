package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

func TestRemoveStaysInTheDirectory(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(outside, nil, 0o600), os.Symlink(outside, filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(dir, outside)
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(dir, relative); err == nil {
		t.Errorf("%s is deleted", relative)
	}
	for range 2 { // What is gone is as good as deleted.
		if err := remove(dir, "link"); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(outside); err != nil {
		t.Errorf("what a link leads to: %v", err)
	}
}

func TestReadOnlyDirectoryIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		errno    syscall.Errno
		readOnly bool
	}{{syscall.EROFS, true}, {syscall.EACCES, true}, {syscall.EPERM, true}, {syscall.EIO, false}} {
		err := undeleted(fakeName, &fs.PathError{Op: "unlinkat", Path: fakeName, Err: c.errno})
		if err == nil || errors.Is(err, contract.ErrReadOnly) != c.readOnly || !errors.Is(err, c.errno) {
			t.Errorf("%v: %v", c.errno, err)
		}
	}
}
