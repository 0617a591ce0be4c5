package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
)

const (
	maxFileSize  = 1 << 20  // bytes; more than a ConfigMap or Secret can hold in all
	maxTotalSize = 32 << 20 // bytes; a projected volume may join many of them
	maxEntries   = 4096     // of the directory, kubelet's own included
	maxAttempts  = 20       // at a read that no swap disturbs
)

var (
	errUnsettled = errors.New("the directory changes faster than it can be read")
	errDirectory = errors.New("is a directory")
)

// problems is what a read met, as text, and the level to log it at.
type problems map[string]logrus.Level

// read returns the contents of the files in dir by name, all of one version when kubelet swaps versions meanwhile.
func read(dir string) (map[string]string, problems, error) {
	for range maxAttempts {
		before := version(dir)
		contents, found, err := readOnce(dir)
		if err != nil {
			return nil, nil, err
		}
		if version(dir) == before {
			return contents, found, nil
		}
	}
	return nil, nil, errUnsettled
}

// version returns the directory that kubelet's link points to, whose name is used once only, or "" when there is none.
func version(dir string) string {
	target, err := os.Readlink(filepath.Join(dir, "..data"))
	if err != nil {
		return ""
	}
	return target
}

// readOnce reads the files of dir whatever happens to it meanwhile. Links are followed. Directories and names with ..
// in them, which are kubelet's own, are left out; what cannot be read is left out and told of.
func readOnce(dir string) (map[string]string, problems, error) {
	entries, complete, err := list(dir)
	if err != nil {
		return nil, nil, err
	}
	contents, found := map[string]string{}, problems{}
	if !complete {
		found[fmt.Sprintf("%s: more than %d entries, some are left out", dir, maxEntries)] = logrus.WarnLevel
	}
	free := maxTotalSize
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || strings.Contains(name, "..") {
			continue
		}
		content, err := readFile(filepath.Join(dir, name), free)
		switch {
		case err == nil:
			contents[name] = content
			free -= len(content)
		case errors.Is(err, errDirectory): // behind a link
		case errors.Is(err, fs.ErrNotExist): // A link to nothing is usual for a moment after a swap.
			found[err.Error()] = logrus.DebugLevel
		default:
			found[err.Error()] = logrus.WarnLevel
		}
	}
	return contents, found, nil
}

// list returns the entries of dir, and whether these are all.
func list(dir string) (entries []fs.DirEntry, complete bool, err error) {
	d, err := openNow(dir)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = d.Close() }() // It was only read.
	entries, err = d.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	return entries[:min(len(entries), maxEntries)], len(entries) <= maxEntries, nil
}

// readFile returns the content of a regular file when that is at most maxFileSize and free bytes long.
func readFile(name string, free int) (string, error) {
	// Asked before it is opened, since opening alone may do something to a device, and again after, since it may be
	// another file by then.
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if err := checkRegular(name, info); err != nil {
		return "", err
	}
	f, err := openNow(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // It was only read.
	if info, err = f.Stat(); err != nil {
		return "", err
	}
	if err := checkRegular(name, info); err != nil {
		return "", err
	}
	content, err := io.ReadAll(io.LimitReader(f, int64(min(maxFileSize, free))+1))
	switch {
	case err != nil:
		return "", err
	case len(content) > maxFileSize:
		return "", fmt.Errorf("%s: larger than %d bytes, left out", name, maxFileSize)
	case len(content) > free:
		return "", fmt.Errorf("%s: the files together are larger than %d bytes, left out", name, maxTotalSize)
	}
	return string(content), nil
}

// checkRegular returns an error unless info is of a regular file.
func checkRegular(name string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return errDirectory
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: neither a file nor a directory, left out", name)
	}
	return nil
}

// openNow opens a file for reading without waiting for anybody, as the opening of a named pipe would.
func openNow(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // The user says which directory is read.
}
