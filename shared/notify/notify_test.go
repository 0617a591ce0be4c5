package notify_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/shared/notify"
)

const patience = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestReplacedDirectoryIsWatched takes the directory away and puts another in its place, which often gets the same
// inode.
func TestReplacedDirectoryIsWatched(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "watched")
	must(t, os.Mkdir(dir, 0o700))
	n := notify.New(dir, fsnotify.NewWatcher)
	t.Cleanup(n.Close)
	for range 3 {
		if started, err := n.Ensure(); !started || err != nil {
			t.Fatalf("Ensure() = %t, %v for a new directory; want a new watch", started, err)
		}
		if started, err := n.Ensure(); started || err != nil {
			t.Fatalf("Ensure() = %t, %v for the same directory; want the same watch", started, err)
		}
		must(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o600))
		wait(t, n.Events(), "the event of the new file", func(e fsnotify.Event) bool { return e.Has(fsnotify.Create) })

		must(t, os.RemoveAll(dir))
		wait(t, n.Events(), "the event of the directory", func(e fsnotify.Event) bool {
			n.Notice(e)
			return !n.Watching()
		})
		must(t, os.Mkdir(dir, 0o700))
	}
}

// TestWithoutWatch has a Notifier without a directory, and then without a watch: it is silent, and can be closed.
func TestWithoutWatch(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "watched")
	n := notify.New(dir, func() (*fsnotify.Watcher, error) { return nil, unix.EMFILE })
	defer n.Close()
	if started, err := n.Ensure(); started || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Ensure() = %t, %v without a directory; want that it does not exist", started, err)
	}
	must(t, os.Mkdir(dir, 0o700))
	if started, err := n.Ensure(); started || !errors.Is(err, unix.EMFILE) {
		t.Errorf("Ensure() = %t, %v; want %v", started, err, unix.EMFILE)
	}
	if n.Watching() || n.Events() != nil || n.Errors() != nil {
		t.Error("it says that it is watching")
	}
}

// wait receives events until one is as wanted.
func wait(t *testing.T, events <-chan fsnotify.Event, what string, wanted func(fsnotify.Event) bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		select {
		case event := <-events:
			if wanted(event) {
				return
			}
		case <-deadline.C:
			t.Fatalf("after %s still waiting for %s", patience, what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
