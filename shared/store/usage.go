package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// blockSize is what a disk gives to a file at least.
	blockSize = 4 << 10
	// rescanAfter is how long a count is trusted while files come and go behind our back.
	rescanAfter = time.Minute
	// refuseAfter is how old a count may be that a content is refused for. Someone may just have made room.
	refuseAfter = time.Second
	// staleAfter is the age at which a file being written is taken for what a crash left. No write takes that long.
	staleAfter = time.Hour
	// scanBatch is how many directory entries are held at a time.
	scanBatch = 1024
)

// usage counts the bytes that the contents take, so that a Put does not look through the whole directory.
type usage struct {
	limit int64

	mu       sync.Mutex
	stored   int64 // in files with their final names
	reserved int64 // for files that are being written
	scanned  time.Time
}

// write puts data into the file hash, within the bounds.
func (s *Store) write(root *os.Root, hash string, data []byte) error {
	size := blocks(int64(len(data)))
	if err := s.usage.reserve(root, size); err != nil {
		return err
	}
	temp, err := writeTemp(root, data)
	if err != nil {
		s.usage.release(size)
		return err
	}
	if err := s.usage.commit(root, temp, hash, size); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return nil
}

// reserve sets size bytes aside, or answers ErrFull.
func (u *usage) reserve(root *os.Root, size int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, trusted := range []time.Duration{rescanAfter, refuseAfter} {
		if err := u.count(root, trusted); err != nil {
			return err
		}
		if u.stored+u.reserved+size <= u.limit {
			u.reserved += size
			return nil
		}
	}
	return fmt.Errorf("%w: its contents take %d of at most %d bytes", ErrFull, u.stored+u.reserved, u.limit)
}

func (u *usage) release(size int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reserved -= size
}

// commit gives the file temp its final name, for which size bytes were reserved. It may replace a damaged file, or one
// that another Put of the same content was faster to write.
func (u *usage) commit(root *os.Root, temp, hash string, size int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reserved -= size
	var replaced int64
	if info, err := root.Lstat(hash); err == nil && info.Mode().IsRegular() {
		replaced = blocks(info.Size())
	}
	if err := root.Rename(temp, hash); err != nil {
		return err
	}
	u.stored += size - replaced
	return nil
}

// count looks through the directory if the last time was longer ago than trusted. The caller holds the lock.
func (u *usage) count(root *os.Root, trusted time.Duration) error {
	if !u.scanned.IsZero() && time.Since(u.scanned) < trusted {
		return nil
	}
	total, err := scan(root)
	if err != nil {
		return err
	}
	u.stored, u.scanned = total, time.Now()
	return nil
}

// scan returns what the contents in the directory take, and removes what crashes left there.
func scan(root *os.Root) (total int64, err error) {
	dir, err := root.Open(".")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(scanBatch)
		for _, entry := range entries {
			total += examine(root, entry)
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// examine returns what the entry takes if it is a content. Entries vanish while one looks at them; those take nothing.
func examine(root *os.Root, entry fs.DirEntry) int64 {
	temp := strings.HasPrefix(entry.Name(), tempPrefix)
	if !temp && !validHash(entry.Name()) || !entry.Type().IsRegular() {
		return 0
	}
	info, err := root.Lstat(entry.Name())
	if err != nil {
		return 0
	}
	if !temp {
		return blocks(info.Size())
	}
	if time.Since(info.ModTime()) > staleAfter {
		_ = root.Remove(entry.Name()) // if it cannot be removed now, then maybe at the next scan
	}
	return 0
}

// blocks rounds size up to whole blocks, of which every file takes one.
func blocks(size int64) int64 {
	return max(size+blockSize-1, blockSize) / blockSize * blockSize
}
