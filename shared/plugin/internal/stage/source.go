package stage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// openSource opens the file of a plugin for reading. os.Root sees to it that no link leads out of the directory, not
// even one that is put there at this very moment. A link within the directory is fine, since this is how Kubernetes
// mounts a ConfigMap (name -> ..data/name) and how people keep versions (name -> v1.2/name).
func openSource(file string) (*os.File, error) {
	// With a separator at the end it is a directory that is opened, or nothing: a named pipe would make us wait.
	root, err := os.OpenRoot(filepath.Dir(file) + string(filepath.Separator))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // It was only a way to the file.
	name := filepath.Base(file)
	if err := checkLink(root, name); err != nil {
		return nil, err
	}
	// Asked before it is opened, since opening alone may do something to a device, and again after, since it may be
	// another file by then.
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if err := checkRegular(info); err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // Without O_NONBLOCK a named pipe would block.
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w; make the file readable for user %d, as which podinfo runs", err, os.Geteuid())
	}
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = checkRegular(info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// checkLink says what is wrong with name if it is a link that cannot be taken.
func checkLink(root *os.Root, name string) error {
	target, err := root.Readlink(name)
	if err != nil {
		return nil //nolint:nilerr // It is no link. What else may be wrong is found when it is opened.
	}
	info, err := root.Lstat(target)
	switch {
	case filepath.IsAbs(target):
		return fmt.Errorf("it is a link to the absolute path %q; make it a relative link to a file inside the directory",
			target)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("it is a link to %q, which is not there", target)
	case err != nil:
		return fmt.Errorf("it is a link to %q, which is no file inside the directory: %w", target, err)
	case info.Mode().Type() == fs.ModeSymlink:
		return fmt.Errorf("it is a link to %q, which is a link as well; link to the file itself", target)
	}
	return nil
}

// checkRegular says what it is if info is not of a regular file.
func checkRegular(info fs.FileInfo) error {
	var kind string
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "socket"
	case mode&fs.ModeDevice != 0:
		kind = "device"
	default:
		kind = "special file"
	}
	return fmt.Errorf("it is a %s; only a regular file can be a plugin", kind)
}
