package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// remove deletes a file of a directory, and nothing outside of it. That it is gone already is as good.
func remove(dir, file string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the plugin directory: %w", err)
	}
	defer func() { _ = root.Close() }() // It was only a way to the file.
	return undeleted(file, root.Remove(file))
}

// undeleted tells why a file was not deleted, when err is that of the try.
func undeleted(file string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%w; the plugin is stopped", undeletable(file, err))
}

// undeletable tells why a file cannot be deleted.
func undeletable(file string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("the file %s stays: %w: %w", file, contract.ErrReadOnly, err)
	}
	return fmt.Errorf("the file %s stays: %w", file, err)
}
