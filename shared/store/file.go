package store

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the name of a content, not a protection
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// tempPrefix begins the name of a file that is being written. The dot keeps it out of what people list.
const tempPrefix = ".podinfo-upload-"

func hashOf(data []byte) string {
	sum := sha1.Sum(data) //nolint:gosec // see the package comment
	return hex.EncodeToString(sum[:])
}

// validHash tells whether name is a hash, and so no path to anywhere else.
func validHash(name string) bool {
	return len(name) == 2*sha1.Size && strings.Trim(name, "0123456789abcdef") == ""
}

// read returns the content of the file hash after a look at whether it is that.
func read(root *os.Root, hash string) ([]byte, error) {
	info, err := root.Lstat(hash)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxFileSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are ever stored", ErrCorrupt, info.Size(), MaxFileSize)
	}
	f, err := root.Open(hash)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if hashOf(data) != hash {
		return nil, ErrCorrupt
	}
	return data, nil
}

// writeTemp writes data to a new file beside the others, to be renamed, and returns its name. Nothing is left of it
// when that fails.
//
// The file is not synced to the disk. A machine that loses power may then find it short or empty under its final
// name, which Get notices by the hash and the next Put of that content mends; a sync would make every client pay for
// that day.
func writeTemp(root *os.Root, data []byte) (name string, err error) {
	name = tempPrefix + rand.Text()
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", withKind(err)
	}
	_, err = f.Write(data)
	// The mode again, because that of OpenFile is cut by the process's umask.
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return "", errors.Join(withKind(err), root.Remove(name))
	}
	return name, nil
}

// withKind tells a disk without room from other failures.
func withKind(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
