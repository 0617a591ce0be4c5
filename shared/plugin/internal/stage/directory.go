package stage

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	prefix     = "podinfo-plugins-"
	lockSuffix = ".lock"
	random     = 8 // characters of a name, of 32 different ones; the path of a socket may not be long
	// attempts bounds how often a new name is tried because there is one like it, or because another process took its
	// lock for one that a killed process left behind.
	attempts = 10
)

// directory is a directory that belongs to this process alone. A locked file beside it, of the same name with .lock
// behind it, tells other processes that its owner lives: the kernel unlocks it however the owner ends. It is made
// before the directory and deleted after it, so that there is no directory without one.
type directory struct {
	path string
	root *os.Root
	lock *os.File
}

// makeDirectory makes a directory of our own in base, which is made too if need be, or in the temporary directory when
// base is "".
func makeDirectory(base string) (*directory, error) {
	given := base != ""
	if !given {
		base = os.TempDir()
	}
	d, err := newDirectory(base, given)
	if err == nil {
		err = d.checkExec()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot stage plugins in %q: %w; "+
			"set --plugins-stage-path to a directory that can be written to and is not mounted noexec", base, err)
	}
	return d, nil
}

// checkExec deletes the directory if no program can be started in it.
func (d *directory) checkExec() error {
	if err := checkExec(d.path); err != nil {
		return errors.Join(err, d.remove())
	}
	return nil
}

func newDirectory(base string, given bool) (*directory, error) {
	base, err := filepath.Abs(base) // The directory that programs are started in may be another one.
	if err != nil {
		return nil, err
	}
	if given {
		if err := os.MkdirAll(base, 0o700); err != nil { //nolint:gosec // The user says where.
			return nil, err
		}
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // It was only a way to the names below.
	sweep(root)
	name, lock, err := lockNew(root)
	if err != nil {
		return nil, err
	}
	d := &directory{path: filepath.Join(base, name), lock: lock}
	if err := root.Mkdir(name, 0o700); err != nil {
		return nil, errors.Join(err, d.remove())
	}
	if d.root, err = root.OpenRoot(name); err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

// lockNew makes a lock file of a new name and locks it. It returns the name without the suffix.
func lockNew(root *os.Root) (name string, lock *os.File, err error) {
	for range attempts {
		name = prefix + rand.Text()[:random]
		lock, err = root.OpenFile(name+lockSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if err = tryLock(lock); err == nil && isAt(root, lock, name+lockSuffix) {
			return name, lock, nil
		}
		_ = lock.Close() // Nothing was written to it.
		if err != nil && !errors.Is(err, errLocked) {
			return "", nil, errors.Join(err, root.Remove(name+lockSuffix))
		}
	}
	return "", nil, fmt.Errorf("other processes took the name or its lock %d times in a row", attempts)
}

// isAt tells whether f is the file that has the name, and not one that had it and was deleted.
func isAt(root *os.Root, f *os.File, name string) bool {
	named, err := root.Lstat(name)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(named, opened)
}

// sweep deletes the directories that killed processes left behind, and ends what still runs from there. What it may not
// delete stays: it is in nobody's way.
func sweep(root *os.Root) {
	locks, err := fs.Glob(root.FS(), prefix+"*"+lockSuffix)
	if err != nil {
		return
	}
	for _, lock := range locks {
		sweepOne(root, lock)
	}
}

func sweepOne(root *os.Root, name string) {
	// In a temporary directory anybody may have put anything under that name, a named pipe for one.
	lock, err := root.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = lock.Close() }() // It unlocks too. Nothing was written to it.
	if tryLock(lock) != nil || !isAt(root, lock, name) {
		return
	}
	left := strings.TrimSuffix(name, lockSuffix)
	endOrphans(root.Name(), left)
	if root.RemoveAll(left) == nil {
		_ = root.Remove(name) // If it stays, the next sweep finds it.
	}
}

// remove deletes the directory and then its lock.
func (d *directory) remove() error {
	var err error
	if d.root != nil {
		err = d.root.Close()
	}
	//nolint:gosec // It is below the directory that the user says, under a name that we made.
	return errors.Join(err, os.RemoveAll(d.path), os.Remove(d.path+lockSuffix), d.lock.Close())
}
