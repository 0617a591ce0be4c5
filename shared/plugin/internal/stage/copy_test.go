package stage

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// disturbed is a file to which something happens after its first bytes were read.
type disturbed struct {
	*os.File
	disturb func()
	once    sync.Once
}

func (d *disturbed) Read(p []byte) (int, error) {
	n, err := d.File.Read(p[:min(len(p), 4)])
	d.once.Do(d.disturb)
	return n, err
}

// TestDisturbedCopy changes the file while it is being copied.
func TestDisturbedCopy(t *testing.T) {
	t.Parallel()
	const maxFile = 1 << 10
	appendTo := func(t *testing.T, file, text string) {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
		must(t, err)
		_, err = f.WriteString(text)
		must(t, errors.Join(err, f.Close()))
	}
	tests := []struct {
		name    string
		disturb func(t *testing.T, file string, cancel func())
		want    string // "" is no error
	}{
		{"left alone", func(*testing.T, string, func()) {}, ""},
		{"grows", func(t *testing.T, file string, _ func()) { appendTo(t, file, "more") }, "it changed while it was copied"},
		{
			"grows beyond the limit", func(t *testing.T, file string, _ func()) {
				appendTo(t, file, strings.Repeat("x", maxFile))
			}, "it is larger than 1024 bytes",
		},
		{
			"shrinks", func(t *testing.T, file string, _ func()) { must(t, os.Truncate(file, 2)) },
			"it changed while it was copied",
		},
		{
			"is rewritten in the same length", func(t *testing.T, file string, _ func()) {
				must(t, os.WriteFile(file, []byte(strings.ToUpper(script)), 0o600))
				must(t, os.Chtimes(file, time.Time{}, time.Now().Add(time.Second))) // Clocks of file systems are coarse.
			}, "it changed while it was copied",
		},
		{
			// What was opened is complete and whole: it was the plugin a moment ago.
			"is replaced", func(t *testing.T, file string, _ func()) {
				must(t, os.Rename(write(t, filepath.Dir(file), "next", "#!other"), file))
			}, "",
		},
		{"is deleted", func(t *testing.T, file string, _ func()) { must(t, os.Remove(file)) }, ""},
		{"nobody waits any more", func(_ *testing.T, _ string, cancel func()) { cancel() }, context.Canceled.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := openStage(t, t.TempDir(), Options{MaxFile: maxFile})
			file := write(t, t.TempDir(), cbor, script)
			must(t, os.Chtimes(file, time.Time{}, time.Now().Add(-time.Minute)))
			f, err := openSource(file)
			must(t, err)
			defer func() { must(t, f.Close()) }()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()

			_, sum, err := s.copySource(ctx, &disturbed{File: f, disturb: func() { tt.disturb(t, file, cancel) }})
			if tt.want == "" {
				must(t, err)
				if sum != sumOf(script) {
					t.Errorf("the sum is %s, want that of the whole file", sum)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("copySource() = %v, want %q", err, tt.want)
			}
			holds(t, s)
		})
	}
}

// failing is a file on a volume that goes away.
type failing struct{ *os.File }

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestUnreadableCopy(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	f, err := openSource(write(t, t.TempDir(), cbor, script))
	must(t, err)
	defer func() { must(t, f.Close()) }()
	if _, _, err := s.copySource(t.Context(), failing{f}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("copySource() = %v, want %v", err, io.ErrUnexpectedEOF)
	}
	holds(t, s)
}

func TestAddEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Add(ctx, write(t, t.TempDir(), cbor, script), name(t, cbor))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Add() = %v, want that its context was canceled", err)
	}
	holds(t, s)
}

// TestCopyCanBeRunAtOnce runs each copy right after it was made, while other processes are started all the time. Each
// of those has the files of this process for a moment, and a file that anybody has open for writing cannot be run.
func TestCopyCanBeRunAtOnce(t *testing.T) {
	t.Parallel()
	const starters, copies = 4, 100
	nothing := testkit.Need(t, "true")
	s := openStage(t, t.TempDir(), Options{})
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for range starters {
		running.Go(func() {
			for ctx.Err() == nil {
				_ = exec.CommandContext(ctx, nothing).Run() // It is killed at the end.
			}
		})
	}
	for n := range copies {
		f := add(t, s, write(t, dir, cbor, "#!/bin/sh\nexit 0\n#"+strconv.Itoa(n)))
		if err := exec.CommandContext(ctx, f.Path).Run(); err != nil {
			t.Fatalf("copy %d cannot be run: %v", n, err)
		}
		s.Release(f)
	}
}

// TestManyAtOnce adds and releases from many goroutines.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const callers, rounds, contents = 8, 50, 3
	s := openStage(t, t.TempDir(), Options{})
	sources := make([]string, contents)
	for i := range sources {
		sources[i] = write(t, t.TempDir(), cbor, script+strconv.Itoa(i))
	}
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for round := range rounds {
				f, err := s.Add(t.Context(), sources[(caller+round)%contents], name(t, cbor))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(f.Path); err != nil {
					t.Errorf("a file that was added and not released is gone: %v", err)
				}
				s.Release(f)
			}
		})
	}
	running.Wait()
	holds(t, s)
}

func BenchmarkAdd(b *testing.B) {
	s := openStage(b, b.TempDir(), Options{})
	const size = 20 << 20 // of a usual plugin
	source := write(b, b.TempDir(), cbor, "#!"+strings.Repeat("x", size))
	b.SetBytes(size)
	for b.Loop() {
		s.Release(add(b, s, source))
	}
}
