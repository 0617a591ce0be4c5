package stage

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// checkExec returns an error when the file system of dir is mounted so that no program on it can be started.
func checkExec(dir string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if stat.Flags&unix.ST_NOEXEC != 0 {
		return errors.New("its file system is mounted noexec, so that no program can be started from it")
	}
	return nil
}
