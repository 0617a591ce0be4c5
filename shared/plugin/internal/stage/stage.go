// Package stage copies the files of plugins out of the directory that everybody shares into one that belongs to this
// process alone, and runs nothing but these copies:
//
//	<stage>/podinfo-plugins-XXXX/<SHA-256 of the copy>/<name of the plugin>
//
// What is checked is then what runs, whatever happens to the shared file meanwhile: it may be written to, replaced or
// deleted while the plugin runs, and lie on a file system that is mounted noexec. Everything in the shared directory is
// taken for hostile: only a regular file of a sane size that is a program gets out of it.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// defaultMaxFile is the size of a plugin's file in bytes that Options without one allow.
const defaultMaxFile = 128 << 20

// errClosed says that there is no stage any more.
var errClosed = errors.New("the stage of the plugins is closed")

// Options say which files a Stage takes.
type Options struct {
	// Checksums is a file as sha256sum writes it. Only what it lists is staged; "" is none, and stages everything.
	Checksums string
	// MaxFile is how many bytes a plugin's file may have; 0 is 128 MiB.
	MaxFile int64
}

// File is the private copy of a plugin's file.
type File struct {
	Name   contract.Name
	SHA256 string // of the copy, in hexadecimal
	Path   string // of the copy, absolute
}

// Stage is a private directory of plugins. Make one with Open and end it with Close. Its methods may be called
// concurrently.
type Stage struct {
	checksums string
	maxFile   int64
	dir       *directory

	closing sync.RWMutex // is read-locked while a file is added
	closed  bool

	mu    sync.Mutex
	users map[string]map[string]int // by sum, then by name: how often it was added and not released
}

// Open makes a stage of its own in the directory dir, or in the system's temporary one when dir is "". It removes what
// killed processes left there, and it fails when no program could be started from there or when the checksums cannot
// be read.
func Open(dir string, o Options) (*Stage, error) {
	if o.Checksums != "" {
		if _, err := readChecksums(o.Checksums); err != nil {
			return nil, err
		}
	}
	own, err := makeDirectory(dir)
	if err != nil {
		return nil, err
	}
	s := &Stage{checksums: o.Checksums, maxFile: o.MaxFile, dir: own, users: map[string]map[string]int{}}
	if s.maxFile <= 0 {
		s.maxFile = defaultMaxFile
	}
	return s, nil
}

// Add stages the file source of the plugin name. Content that is staged already is not kept twice. The caller passes
// the File to Release when it needs it no more.
//
// The error says what is wrong with the file and how to mend it; after it nothing of the file is left. That of ctx is
// wrapped in it when ctx ends the copying.
func (s *Stage) Add(ctx context.Context, source string, name contract.Name) (File, error) {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return File{}, errClosed
	}
	if _, err := contract.ParseName(name.File); err != nil {
		return File{}, err
	}
	if filepath.Base(source) != name.File {
		return File{}, fmt.Errorf("%q is not the file of the plugin %s", source, name.File)
	}
	temp, sum, err := s.copyFile(ctx, source)
	if err != nil {
		return File{}, err
	}
	defer func() { _ = s.dir.root.Remove(temp) }() // It is not there when it became the staged file.
	if err := s.accept(name.File, sum); err != nil {
		return File{}, err
	}
	if err := s.checkWhole(temp); err != nil {
		return File{}, fmt.Errorf("cannot stage the plugin %q: %w", source, err)
	}
	if err := s.place(temp, sum, name.File); err != nil {
		return File{}, err
	}
	return File{Name: name, SHA256: sum, Path: filepath.Join(s.dir.path, sum, name.File)}, nil
}

// accept returns an error unless the checksums, as they are now, allow the plugin to have this sum.
func (s *Stage) accept(name, sum string) error {
	if s.checksums == "" {
		return nil
	}
	sums, err := readChecksums(s.checksums)
	if err != nil {
		return unlisted{err}
	}
	listed := sums[name]
	if listed[sum] {
		return nil
	}
	reason := "it lists no plugin of that name"
	if len(listed) > 0 {
		reason = "it lists other sums for that name"
	}
	return unlisted{fmt.Errorf("the plugin %s has the SHA-256 sum %s, which is not in --plugin-checksums %q (%s); "+
		"wait if it is still being copied; if that file is the one you want, add the line \"%s  %s\"",
		name, sum, s.checksums, reason, sum, name)}
}

// place makes the copy temp the staged file, unless that is there already, and counts its user.
func (s *Stage) place(temp, sum, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.put(temp, sum, name); err != nil {
		return fmt.Errorf("cannot stage the plugin %s: %w", name, err)
	}
	if s.users[sum] == nil {
		s.users[sum] = map[string]int{}
	}
	s.users[sum][name]++
	return nil
}

// put sees to it that there is a file of the name with the content of temp. One binary often serves both transports
// under two names; these become one file, since a stage may well be in memory.
func (s *Stage) put(temp, sum, name string) error {
	root, file := s.dir.root, filepath.Join(sum, name)
	// It is looked for even when it was staged before: what cleans up temporary directories may have taken it away.
	if _, err := root.Lstat(file); err == nil {
		return nil
	}
	for other := range s.users[sum] {
		if root.Link(filepath.Join(sum, other), file) == nil {
			return nil
		}
	}
	if err := root.Mkdir(sum, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return root.Rename(temp, file)
}

// Release tells that f is not needed any more. Once nobody needs it, it is deleted. After Close it does nothing.
func (s *Stage) Release(f File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.users[f.SHA256]
	if names[f.Name.File] == 0 {
		return
	}
	names[f.Name.File]--
	if names[f.Name.File] > 0 {
		return
	}
	delete(names, f.Name.File)
	_ = s.dir.root.Remove(filepath.Join(f.SHA256, f.Name.File)) // What cannot be removed now is removed by Close.
	if len(names) == 0 {
		delete(s.users, f.SHA256)
		_ = s.dir.root.Remove(f.SHA256)
	}
}

// Close waits for the calls of Add, which end with their contexts, and deletes the stage with everything in it. Calling
// Close again does nothing.
func (s *Stage) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.users)
	return s.dir.remove()
}
