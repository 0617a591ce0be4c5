package store_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podinfo-targets/podinfo/shared/store"
)

const (
	gibibyte = 1 << 30
	block    = 4 << 10

	hello     = "hello"
	helloHash = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
)

// TestMain runs the tests under a strict umask, because the mode of stored files must not depend on it.
func TestMain(m *testing.M) {
	syscall.Umask(0o077)
	os.Exit(m.Run())
}

func hashOf(data []byte) string {
	sum := sha1.Sum(data)
	return hex.EncodeToString(sum[:])
}

func TestPutAndGet(t *testing.T) {
	t.Parallel()
	contents := map[string][]byte{
		"text":             []byte(hello),
		"empty":            {},
		"binary":           {0, 1, 2, 0xff, 0xfe, '\r', '\n'},
		"ten mebibytes":    bytes.Repeat([]byte("0123456789abcdef"), 10<<16),
		"largest possible": make([]byte, store.MaxFileSize),
	}
	for name, data := range contents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := store.Open(dir, gibibyte)
			hash, err := s.Put(data)
			if err != nil || hash != hashOf(data) {
				t.Fatalf("Put = %q, %v; want %q", hash, err, hashOf(data))
			}
			got, err := s.Get(hash)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("Get: %d bytes, %v; want the %d that were put", len(got), err, len(data))
			}
			info, err := os.Stat(filepath.Join(dir, hash))
			if err != nil || info.Mode() != 0o644 || info.Size() != int64(len(data)) {
				t.Errorf("the file is %v, %v; want mode 0644 and %d bytes", info, err, len(data))
			}
			if names := list(t, dir); !slices.Equal(names, []string{hash}) {
				t.Errorf("the directory holds %q, want the one file", names)
			}
		})
	}
}

func TestPutAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store.Open(dir, gibibyte)
	put(t, s, hello)
	before, err := os.Stat(filepath.Join(dir, helloHash))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, hello)
	after, err := os.Stat(filepath.Join(dir, helloHash))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was written anew (%v)", err)
	}
}

func TestGetInvalidHash(t *testing.T) {
	t.Parallel()
	s := store.Open(t.TempDir(), gibibyte)
	invalid := []string{
		"", "a", helloHash[1:], helloHash + "0", strings.ToUpper(helloHash), "g" + helloHash[1:], " " + helloHash[1:],
		"../../../../../../../../../../../etc/hos", strings.Repeat("/", 40), strings.Repeat(".", 40),
		helloHash[:39] + "\x00", helloHash[:39] + "/", strings.Repeat("٠", 20),
	}
	for _, hash := range invalid {
		if _, err := s.Get(hash); !errors.Is(err, store.ErrInvalidHash) {
			t.Errorf("Get %q: %v, want ErrInvalidHash", hash, err)
		}
	}
}

// TestGetOthers reads names that are hashes but no contents.
func TestGetOthers(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(outside, []byte(hello), 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(data string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(data), 0o600) }
	}
	link := func(target string) func(string) error {
		return func(path string) error { return os.Symlink(target, path) }
	}
	tests := map[string]struct {
		occupy func(path string) error
		want   error
	}{
		"nothing":        {func(string) error { return nil }, store.ErrNotFound},
		"directory":      {func(path string) error { return os.Mkdir(path, 0o700) }, store.ErrNotFound},
		"link out of it": {link(outside), store.ErrNotFound},
		"link inside":    {link("inside"), store.ErrNotFound},
		"dangling link":  {link("nowhere"), store.ErrNotFound},
		"pipe":           {func(path string) error { return syscall.Mkfifo(path, 0o600) }, store.ErrNotFound},
		"other content":  {file("Hello"), store.ErrCorrupt},
		"cut short":      {file("hell"), store.ErrCorrupt},
		"emptied":        {file(""), store.ErrCorrupt},
		"grown":          {file(hello + hello), store.ErrCorrupt},
		"huge": {func(path string) error { // a sparse file, far larger than memory
			return errors.Join(file("")(path), os.Truncate(path, 1<<40))
		}, store.ErrCorrupt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			err := errors.Join(file(hello)(filepath.Join(dir, "inside")), test.occupy(filepath.Join(dir, helloHash)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Open(dir, gibibyte).Get(helloHash); !errors.Is(err, test.want) {
				t.Errorf("Get: %v, want %v", err, test.want)
			}
		})
	}
}

// TestPutOverDamage stores a content whose file is damaged, which mends it.
func TestPutOverDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, helloHash), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := store.Open(dir, gibibyte)
	put(t, s, hello)
	if got, err := s.Get(helloHash); err != nil || string(got) != hello {
		t.Errorf("Get = %q, %v; want %q", got, err, hello)
	}
}

// TestPutOverLink stores a content whose name is a link, which is replaced and not followed.
func TestPutOverLink(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	err := errors.Join(os.WriteFile(target, []byte("precious"), 0o600), os.Symlink(target, filepath.Join(dir, helloHash)))
	if err != nil {
		t.Fatal(err)
	}
	s := store.Open(dir, gibibyte)
	put(t, s, hello)
	if got, err := s.Get(helloHash); err != nil || string(got) != hello {
		t.Errorf("Get = %q, %v; want %q", got, err, hello)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "precious" {
		t.Errorf("the file behind the link holds %q, %v; want it untouched", got, err)
	}
}

// TestPutOverDirectory stores a content whose name is a directory, which stays.
func TestPutOverDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, helloHash), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(dir, gibibyte).Put([]byte(hello)); err == nil {
		t.Error("Put over a directory: no error")
	}
	if names := list(t, dir); !slices.Equal(names, []string{helloHash}) {
		t.Errorf("the directory holds %q, want nothing left of the attempt", names)
	}
}

func TestPutTooLarge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := store.Open(dir, gibibyte).Put(make([]byte, store.MaxFileSize+1)); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Put of a byte too many: %v, want ErrTooLarge", err)
	}
	if names := list(t, dir); len(names) != 0 {
		t.Errorf("the directory holds %q, want nothing", names)
	}
}

// TestDirectoryComesLater opens a store whose directory is mounted afterwards, as volumes are, and then exchanged.
func TestDirectoryComesLater(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := store.Open(dir, gibibyte)
	if _, err := s.Put([]byte(hello)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Put without a directory: %v, want that it does not exist", err)
	}
	if _, err := s.Get(helloHash); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get without a directory: %v, want that it does not exist", err)
	}
	for range 2 {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(helloHash); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get from an empty directory: %v, want ErrNotFound", err)
		}
		put(t, s, hello)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put([]byte(hello)); err == nil {
		t.Error("Put into a file that is no directory: no error")
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const contents = 8
	s := store.Open(dir, contents*2*block) // room for every content once, and for each while it is written
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			data := bytes.Repeat([]byte{byte(i % contents)}, 1000)
			for range 20 {
				hash, err := s.Put(data)
				if errors.Is(err, store.ErrFull) {
					continue // several of the same, all being written, take the room of several
				}
				if err != nil {
					t.Errorf("Put: %v", err)
				}
				if got, err := s.Get(hash); err != nil || !bytes.Equal(got, data) {
					t.Errorf("Get: %d bytes, %v; want what was put", len(got), err)
				}
			}
		})
	}
	callers.Wait()
	if names := list(t, dir); len(names) != contents {
		t.Errorf("%d files %q, want %d", len(names), names, contents)
	}
	// The count is right: as many contents as there were room for still find it.
	for i := range contents {
		put(t, s, fmt.Sprint("another ", i))
	}
	if _, err := s.Put([]byte("one too many")); !errors.Is(err, store.ErrFull) {
		t.Errorf("Put into a full store: %v, want ErrFull", err)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "not-ours"), make([]byte, 10*block), 0o600); err != nil {
			t.Fatal(err)
		}
		s := store.Open(dir, 3*block)
		first := put(t, s, strings.Repeat("1", block+1)) // two blocks
		put(t, s, "")
		full := func() {
			t.Helper()
			if _, err := s.Put([]byte("no room")); !errors.Is(err, store.ErrFull) {
				t.Errorf("Put: %v, want ErrFull", err)
			}
		}
		full()
		put(t, s, "") // is there already
		if names := list(t, dir); len(names) != 3 {
			t.Errorf("the directory holds %q, want nothing new", names)
		}

		// Somebody makes room.
		if err := os.Remove(filepath.Join(dir, first)); err != nil {
			t.Fatal(err)
		}
		full() // a full store is not looked through on every call
		<-time.After(time.Second)
		put(t, s, "room")
		put(t, s, "more room")

		// Another process takes it.
		if err := os.Remove(filepath.Join(dir, hashOf([]byte("room")))); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if err := os.WriteFile(filepath.Join(dir, helloHash), []byte(hello), 0o600); err != nil {
			t.Fatal(err)
		}
		full()
	})
}

func TestFullFromTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, store.Open(dir, block), hello)
	s := store.Open(dir, block)
	if _, err := s.Put([]byte("other")); !errors.Is(err, store.ErrFull) {
		t.Errorf("Put into a directory that is full already: %v, want ErrFull", err)
	}
	if got, err := s.Get(helloHash); err != nil || string(got) != hello {
		t.Errorf("Get = %q, %v; want what is there", got, err)
	}
	if _, err := store.Open(t.TempDir(), 0).Put(nil); !errors.Is(err, store.ErrFull) {
		t.Errorf("Put into a store without any room: %v, want ErrFull", err)
	}
}

// TestLeftovers starts on a directory in which a process crashed.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for name, age := range map[string]time.Time{
		".podinfo-upload-CRASHED": old,
		".podinfo-upload-RUNNING": time.Now(), // of a process that shares the directory
		"somebody-elses":          old,
		".hidden":                 old,
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(file, []byte("x"), 0o600), os.Chtimes(file, age, age)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, store.Open(dir, gibibyte), hello)
	want := []string{".hidden", ".podinfo-upload-RUNNING", helloHash, "somebody-elses"}
	if names := list(t, dir); !slices.Equal(names, want) {
		t.Errorf("the directory holds %q, want %q", names, want)
	}
}

// put stores data and returns its hash.
func put(t *testing.T, s *store.Store, data string) string {
	t.Helper()
	hash, err := s.Put([]byte(data))
	if err != nil {
		t.Fatalf("Put %.20q: %v", data, err)
	}
	return hash
}

// list returns the names in dir, sorted.
func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}

// FuzzGet asks for names of any shape in a directory that has more than contents in it.
func FuzzGet(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600); err != nil {
		f.Fatal(err)
	}
	s := store.Open(dir, gibibyte)
	if _, err := s.Put([]byte(hello)); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{helloHash, "secret", "../secret", "", "/etc/passwd", strings.Repeat("0", 40)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		data, err := s.Get(name)
		switch {
		case err == nil && (name != helloHash || string(data) != hello):
			t.Errorf("Get %q = %q", name, data)
		case err != nil && !errors.Is(err, store.ErrInvalidHash) && !errors.Is(err, store.ErrNotFound):
			t.Errorf("Get %q: %v, want ErrInvalidHash or ErrNotFound", name, err)
		}
	})
}
