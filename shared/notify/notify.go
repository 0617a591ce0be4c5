// Package notify keeps a watch on the directory that is found at a path, whichever directory that may be in the course
// of time.
//
// Its events are a hint to look, not the truth: they do not cross every file system, they get lost, and there may be no
// inotify watch left for us.
package notify

import (
	"io/fs"
	"os"

	"github.com/fsnotify/fsnotify"
)

// Notifier keeps the watch. It is used by one goroutine, which ends it with Close.
type Notifier struct {
	dir     string // as the events of the directory itself name it
	create  func() (*fsnotify.Watcher, error)
	watcher *fsnotify.Watcher // nil while there is no watch
	watched fs.FileInfo       // the directory that is watched
}

// New returns a Notifier for the directory dir, which is a clean path. It makes its watches with create, usually
// fsnotify.NewWatcher, and the first of them in Ensure.
func New(dir string, create func() (*fsnotify.Watcher, error)) *Notifier {
	return &Notifier{dir: dir, create: create}
}

// Ensure starts a watch when there is none, or none on the directory that is at the path now. It reports whether it
// started one.
func (n *Notifier) Ensure() (started bool, err error) {
	info, err := os.Stat(n.dir)
	if err != nil {
		n.Close()
		return false, err
	}
	if n.watcher != nil && os.SameFile(info, n.watched) {
		return false, nil
	}
	n.Close()
	watcher, err := n.create()
	if err != nil {
		return false, err
	}
	if err := watcher.Add(n.dir); err != nil {
		_ = watcher.Close() // It watches nothing, and the reason is the error of Add.
		return false, err
	}
	n.watcher, n.watched = watcher, info
	return true, nil
}

// Notice is told of each event. It ends the watch when the event is that the directory itself went away: one that comes
// in its place may have the same inode, so Ensure could not tell.
func (n *Notifier) Notice(event fsnotify.Event) {
	if event.Name == n.dir && (event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename)) {
		n.Close()
	}
}

// Watching tells whether there is a watch.
func (n *Notifier) Watching() bool { return n.watcher != nil }

// Events returns the channel of events, which stays silent while there is no watch.
func (n *Notifier) Events() <-chan fsnotify.Event {
	if n.watcher == nil {
		return nil
	}
	return n.watcher.Events
}

// Errors returns the channel of errors, which stays silent while there is no watch. An error says that events were
// lost; after Close, Ensure watches anew.
func (n *Notifier) Errors() <-chan error {
	if n.watcher == nil {
		return nil
	}
	return n.watcher.Errors
}

// Close ends the watch, if there is one, and waits for its goroutine.
func (n *Notifier) Close() {
	if n.watcher == nil {
		return
	}
	_ = n.watcher.Close() // Nothing was written to it that could be lost.
	n.watcher = nil
}
