// Package store keeps files in a directory under the names of their contents: a file is called as the SHA-1 of its
// bytes in hexadecimal, so the same content is stored once, a name never changes its meaning, and a damaged file is
// noticed when it is read. SHA-1 is the naming that clients know; nothing here rests on it against forgery.
//
// The directory belongs to the operator. It is opened anew for every call and never created, so it may be mounted,
// and exchanged, while the process runs; until it is there, calls fail. Other files in it are left alone, and several
// processes may share it. A name that is a link, a directory or anything else but a regular file does not exist for
// the store.
package store

import (
	"errors"
	"fmt"
	"os"
)

// MaxFileSize bounds a single file, in bytes, because files are written and read as a whole.
const MaxFileSize = 64 << 20

// The kinds of errors that a Store answers with. Any other error is the file system's. Errors come wrapped with the
// directory or file they are about, which is for the log and not for clients.
var (
	// ErrInvalidHash says that a name is not 40 lower-case hexadecimal digits.
	ErrInvalidHash = errors.New("invalid hash")
	// ErrNotFound says that there is no content of that name.
	ErrNotFound = errors.New("content not found")
	// ErrFull says that there is no room left, by the store's own bound or on the disk.
	ErrFull = errors.New("store is full")
	// ErrTooLarge says that a content is larger than MaxFileSize.
	ErrTooLarge = errors.New("content is too large for the store")
	// ErrCorrupt says that a file does not hold the content that its name stands for. Storing the content again mends it.
	ErrCorrupt = errors.New("stored content is corrupt")
)

// Store is a directory of contents, bounded in size. Its methods are safe for concurrent use.
type Store struct {
	dir   string
	usage usage
}

// Open returns the store in the directory dir, whose contents may take up to maxTotal bytes. It does not touch the
// directory: what is wrong with it, the calls tell.
//
// A file counts in whole blocks of 4 KiB, as it takes them on common disks, and as one when it is empty, so that the
// number of files is bounded too.
func Open(dir string, maxTotal int64) *Store {
	return &Store{dir: dir, usage: usage{limit: maxTotal}}
}

// Put stores data and returns its hash. Content that is there already is left as it is. The file appears under its name
// complete or not at all, with mode 0644.
func (s *Store) Put(data []byte) (hash string, err error) {
	hash = hashOf(data)
	if len(data) > MaxFileSize {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(data), MaxFileSize)
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", fmt.Errorf("open the store: %w", err)
	}
	defer root.Close()
	if _, err := read(root, hash); err == nil {
		return hash, nil
	}
	if err := s.write(root, hash, data); err != nil {
		return "", fmt.Errorf("store %s in %s: %w", hash, s.dir, err)
	}
	return hash, nil
}

// Get returns the content that hash names.
func (s *Store) Get(hash string) ([]byte, error) {
	if !validHash(hash) {
		return nil, ErrInvalidHash
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	defer root.Close()
	data, err := read(root, hash)
	if err != nil {
		return nil, fmt.Errorf("read %s in %s: %w", hash, s.dir, err)
	}
	return data, nil
}
