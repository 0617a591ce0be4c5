package configs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = 30 * time.Second

// noPoll is the usual pace without the poll, so that what is seen was seen by its event.
var noPoll = pace{quiet: 50 * time.Millisecond, longest: 250 * time.Millisecond, poll: time.Hour}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	tests := []struct{ name, dir, want string }{
		{"absent", filepath.Join(t.TempDir(), "absent"), "no such file or directory"},
		{"a file", file, "not a directory"},
		{"a pipe nobody writes to", pipe, "not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log, _ := test.NewNullLogger()
			w, err := Open(tt.dir, log)
			if err == nil {
				_ = w.Close()
				t.Fatal("Open() succeeds")
			}
			for _, want := range []string{tt.want, fmt.Sprintf("%q", tt.dir)} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Open() fails with %q, want %q in it", err, want)
				}
			}
		})
	}
}

// TestEntries opens one directory with everything in it that a directory can hold.
func TestEntries(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	write := func(name, content string) { must(t, os.WriteFile(name, []byte(content), 0o600)) }
	in := func(name string) string { return filepath.Join(dir, name) }

	write(in("app.yaml"), "color: blue\n")
	write(in("empty"), "")
	write(in(".hidden"), "seen")
	write(in("bytes"), "\xff\x00\xfe")
	write(in("full"), strings.Repeat("x", maxFileSize))
	write(filepath.Join(outside, "target"), "followed")
	must(t, os.Symlink(filepath.Join(outside, "target"), in("link")))

	write(in("over"), strings.Repeat("x", maxFileSize+1))
	write(in("a..b"), "not a key")
	must(t, os.Mkdir(in("sub"), 0o700))
	must(t, os.Symlink(outside, in("link-to-dir")))
	must(t, os.Symlink("nowhere", in("dangling")))
	must(t, os.Symlink("circle", in("circle")))
	must(t, unix.Mkfifo(in("pipe"), 0o600))
	must(t, os.Symlink("/dev/zero", in("device")))

	log, logged := test.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	w := start(t, dir, log, noPoll, fsnotify.NewWatcher)
	sees(t, w, map[string]string{
		"app.yaml": "color: blue\n",
		"empty":    "",
		".hidden":  "seen",
		"bytes":    "\xff\x00\xfe",
		"full":     strings.Repeat("x", maxFileSize),
		"link":     "followed",
	})

	logs(t, logged, logrus.InfoLevel, "fscache start watcher for "+dir)
	logs(t, logged, logrus.DebugLevel, "fscache update error stat "+in("dangling")+": no such file or directory")
	logs(t, logged, logrus.WarnLevel, "fscache update error stat "+in("circle")+": too many levels of symbolic links")
	logs(t, logged, logrus.WarnLevel, "fscache update error "+in("over")+": larger than 1048576 bytes, left out")
	logs(t, logged, logrus.WarnLevel, "fscache update error "+in("pipe")+": neither a file nor a directory, left out")
	logs(t, logged, logrus.WarnLevel, "fscache update error "+in("device")+": neither a file nor a directory, left out")

	lines := len(logged.AllEntries())
	write(in("app.yaml"), "color: red\n")
	testkit.Eventually(t, patience, "the change to be seen", func() bool { return w.All()["app.yaml"] == "color: red\n" })
	logs(t, logged, logrus.InfoLevel, "fscache reload "+dir)
	if got := len(logged.AllEntries()); got != lines+1 {
		t.Errorf("the second read logs %d lines, want 1: problems that are known are not repeated", got-lines)
	}
}

func TestTooMuch(t *testing.T) {
	t.Parallel()
	t.Run("entries", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		for i := range maxEntries + 2 {
			must(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600))
		}
		log, logged := test.NewNullLogger()
		w := start(t, dir, log, noPoll, fsnotify.NewWatcher)
		if got := len(w.All()); got != maxEntries {
			t.Errorf("%d files are read, want %d", got, maxEntries)
		}
		logs(t, logged, logrus.WarnLevel,
			"fscache update error "+dir+": more than 4096 entries, some are left out")
	})
	t.Run("bytes", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		const files = maxTotalSize/maxFileSize + 1
		for i := range files { // Sparse files, which take no room.
			name := filepath.Join(dir, strconv.Itoa(i))
			must(t, os.WriteFile(name, nil, 0o600))
			must(t, os.Truncate(name, maxFileSize))
		}
		log, logged := test.NewNullLogger()
		w := start(t, dir, log, noPoll, fsnotify.NewWatcher)
		if got := len(w.All()); got != files-1 {
			t.Errorf("%d files are read, want %d", got, files-1)
		}
		if last := logged.LastEntry(); !strings.HasSuffix(last.Message, "larger than 33554432 bytes, left out") {
			t.Errorf("last log line = %q, want it to tell of the file that is left out", last.Message)
		}
	})
}

// TestPlainFiles changes a directory as people and tools do, without kubelet's links and without polling.
func TestPlainFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	w := start(t, dir, quietLog(), noPoll, fsnotify.NewWatcher)
	sees(t, w, map[string]string{})
	before := w.All()

	steps := []struct {
		name string
		act  func() error
		want map[string]string
	}{
		{
			"added", func() error { return os.WriteFile(in("a"), []byte("1"), 0o600) },
			map[string]string{"a": "1"},
		},
		{
			"changed in place", func() error { return os.WriteFile(in("a"), []byte("2"), 0o600) },
			map[string]string{"a": "2"},
		},
		{
			"renamed", func() error { return os.Rename(in("a"), in("b")) },
			map[string]string{"b": "2"},
		},
		{
			"replaced by a rename", func() error {
				return errors.Join(os.WriteFile(in("..new"), []byte("3"), 0o600), os.Rename(in("..new"), in("b")))
			},
			map[string]string{"b": "3"},
		},
		{
			"link added", func() error { return os.Symlink("b", in("c")) },
			map[string]string{"b": "3", "c": "3"},
		},
		{
			"removed, the link left dangling", func() error { return os.Remove(in("b")) },
			map[string]string{},
		},
	}
	for _, step := range steps {
		must(t, step.act())
		testkit.Eventually(t, patience, step.name, func() bool { return maps.Equal(w.All(), step.want) })
	}
	if len(before) != 0 {
		t.Errorf("an earlier answer of All() now holds %v, want it unchanged", before)
	}
}

// TestSwaps makes more than 500 of kubelet's swaps, each of which changes, adds and removes keys, on eight volumes at
// once. After each the view must become the volume's contents, without polling.
func TestSwaps(t *testing.T) {
	t.Parallel()
	const volumes, swaps = 8, 63
	for i := range volumes {
		t.Run(fmt.Sprintf("volume %d", i), func(t *testing.T) {
			t.Parallel()
			v := testkit.NewVolume(t, map[string]string{"stays": "0", "key-0": "0"})
			w := start(t, v.Dir, quietLog(), noPoll, fsnotify.NewWatcher)
			sees(t, w, map[string]string{"stays": "0", "key-0": "0"})
			for n := 1; n <= swaps; n++ {
				value := strconv.Itoa(n)
				keys := map[string]string{"stays": value, "key-" + value: value} // without the key of the swap before
				v.Write(t, keys, n%2 == 0)
				testkit.Eventually(t, patience, fmt.Sprintf("swap %d to be seen", n), func() bool {
					return maps.Equal(w.All(), keys)
				})
			}
		})
	}
}

// TestVersionsDoNotMix swaps as fast as it can while the volume is read over and over: whatever a read returns is of
// one version.
func TestVersionsDoNotMix(t *testing.T) {
	t.Parallel()
	const keys, swaps = 8, 150
	contents := func(n int) map[string]string {
		version := map[string]string{}
		for key := range keys {
			version[fmt.Sprintf("key-%d", key)] = strconv.Itoa(n)
		}
		return version
	}
	v := testkit.NewVolume(t, contents(0))
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			view, _, err := read(v.Dir)
			values := map[string]bool{}
			for _, value := range view {
				values[value] = true
			}
			switch {
			case errors.Is(err, errUnsettled): // It says so and shows nothing.
			case err != nil:
				t.Errorf("read() fails with %v", err)
			case len(view) != keys || len(values) != 1:
				t.Errorf("read() returns %d keys of %d versions, want %d of one: %v", len(view), len(values), keys, view)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	defer reader.Wait()
	defer close(done)
	for n := 1; n <= swaps; n++ {
		v.Write(t, contents(n), true)
	}
}

// TestDirectoryReplaced takes the watched directory away and puts another in its place.
func TestDirectoryReplaced(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		takeAway func(dir string) error
		atOnce   bool // no view without the file is in between
	}{
		{name: "removed", takeAway: os.RemoveAll},
		{
			name:     "renamed",
			takeAway: func(dir string) error { return os.Rename(dir, dir+".old") },
			atOnce:   true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "configs")
			file := filepath.Join(dir, "a")
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.WriteFile(file, []byte("1"), 0o600))
			log, logged := test.NewNullLogger()
			w := start(t, dir, log, pace{quiet: 1, longest: 1, poll: 20 * time.Millisecond}, fsnotify.NewWatcher)

			for _, value := range []string{"2", "3"} {
				must(t, tt.takeAway(dir))
				gone := "fscache update error open " + dir + ": no such file or directory"
				testkit.Eventually(t, patience, "a log line about the directory", func() bool {
					return logsLine(logged, logrus.WarnLevel, gone)
				})
				if tt.atOnce && len(w.All()) == 0 {
					t.Error("the last view is lost with the directory")
				}
				logged.Reset()
				must(t, os.Mkdir(dir, 0o700))
				must(t, os.WriteFile(file, []byte(value), 0o600))
				testkit.Eventually(t, patience, "the new directory to be seen", func() bool { return w.All()["a"] == value })
				testkit.Eventually(t, patience, "the new directory to be watched", func() bool {
					return logsLine(logged, logrus.InfoLevel, "fscache start watcher for "+dir)
				})
				must(t, os.RemoveAll(dir+".old"))
			}
		})
	}
}

// TestWithoutWatch has the system refuse a watch, as it does when its inotify limits are used up, until it gives one.
func TestWithoutWatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	var refuse sync.Map
	refuse.Store("refuse", true)
	create := func() (*fsnotify.Watcher, error) {
		if _, ok := refuse.Load("refuse"); ok {
			return nil, unix.EMFILE
		}
		return fsnotify.NewWatcher()
	}
	log, logged := test.NewNullLogger()
	w := start(t, dir, log, pace{quiet: 1, longest: 1, poll: 10 * time.Millisecond}, create)

	for n := range 3 {
		value := strconv.Itoa(n)
		must(t, os.WriteFile(in("a"), []byte(value), 0o600))
		testkit.Eventually(t, patience, "the poll to see the file", func() bool { return w.All()["a"] == value })
	}
	refused := 0
	for _, entry := range logged.AllEntries() {
		if entry.Message == "fscache update error no watch, reading every 10ms: too many open files" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("the missing watch is logged %d times, want once", refused)
	}
	refuse.Delete("refuse")
	testkit.Eventually(t, patience, "a watch to be started", func() bool {
		return logsLine(logged, logrus.InfoLevel, "fscache start watcher for "+dir)
	})
}

func TestLostEvents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	watchers := make(chan *fsnotify.Watcher, 2)
	create := func() (*fsnotify.Watcher, error) {
		watcher, err := fsnotify.NewWatcher()
		watchers <- watcher
		return watcher, err
	}
	log, logged := test.NewNullLogger()
	start(t, dir, log, noPoll, create)
	first := <-watchers
	logged.Reset()
	first.Errors <- fsnotify.ErrEventOverflow
	logs(t, logged, logrus.WarnLevel, "fscache update error "+fsnotify.ErrEventOverflow.Error())
	testkit.Eventually(t, patience, "the directory to be watched anew", func() bool {
		return logsLine(logged, logrus.InfoLevel, "fscache start watcher for "+dir)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("1"), 0o600))
	w, err := Open(dir, quietLog())
	must(t, err)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if err := w.Close(); err != nil {
				t.Errorf("Close() = %v, want nil", err)
			}
			if w.notifier.Watching() {
				t.Error("Close() returns before the watch has ended")
			}
		})
	}
	callers.Wait()
	sees(t, w, map[string]string{"a": "1"})
}

func TestAllDoesNotAllocate(t *testing.T) {
	w := start(t, t.TempDir(), quietLog(), noPoll, fsnotify.NewWatcher)
	if n := testing.AllocsPerRun(100, func() { _ = w.All() }); n != 0 {
		t.Errorf("All() allocates %v times, want 0", n)
	}
}

// FuzzEntry writes a file under any name: it is seen exactly when the name is one of a file in the directory itself and
// not one of kubelet's, and always byte for byte.
func FuzzEntry(f *testing.F) {
	for _, name := range []string{"app.yaml", "..data", "a..b", "../up", ".", "..", "\xff", "new\nline", ""} {
		f.Add(name, []byte("content"))
	}
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		dir := t.TempDir()
		if strings.ContainsRune(name, '/') || os.WriteFile(filepath.Join(dir, name), content, 0o600) != nil {
			return // No such file can be.
		}
		got, found, err := read(dir)
		must(t, err)
		want := map[string]string{}
		if !strings.Contains(name, "..") && len(content) <= maxFileSize {
			want[name] = string(content)
		}
		if !maps.Equal(got, want) {
			t.Errorf("a directory with the file %q reads as %q (%v), want %q", name, got, found, want)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	dir := b.TempDir()
	for i := range 5 {
		must(b, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), bytes.Repeat([]byte("x"), 1000), 0o600))
	}
	for b.Loop() {
		if _, _, err := read(dir); err != nil {
			b.Fatal(err)
		}
	}
}

// start opens a watcher that ends with the test.
func start(
	t *testing.T, dir string, log *logrus.Logger, pace pace, create func() (*fsnotify.Watcher, error),
) *Watcher {
	t.Helper()
	w, err := open(dir, log, pace, create)
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	return w
}

// sees fails the test unless the view is want.
func sees(t *testing.T, w *Watcher, want map[string]string) {
	t.Helper()
	got := w.All()
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("the file %q is missing", name)
		}
	}
	for name, content := range got {
		if wanted, ok := want[name]; !ok || content != wanted {
			t.Errorf("the file %q reads %.40q, want %.40q (wanted at all: %t)", name, content, wanted, ok)
		}
	}
}

// logs fails the test unless the line was logged at the level.
func logs(t *testing.T, logged *test.Hook, level logrus.Level, line string) {
	t.Helper()
	testkit.Eventually(t, patience, fmt.Sprintf("the log line %q at level %s", line, level), func() bool {
		return logsLine(logged, level, line)
	})
}

func logsLine(logged *test.Hook, level logrus.Level, line string) bool {
	for _, entry := range logged.AllEntries() {
		if entry.Level == level && entry.Message == line {
			return true
		}
	}
	return false
}

func quietLog() *logrus.Logger {
	log, _ := test.NewNullLogger()
	return log
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
