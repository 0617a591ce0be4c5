package configs

import (
	"io/fs"
	"os"

	"github.com/fsnotify/fsnotify"
)

// notifier keeps a watch on the directory that is found at a path. It is used by one goroutine.
type notifier struct {
	dir     string
	create  func() (*fsnotify.Watcher, error)
	watcher *fsnotify.Watcher // nil while there is no watch
	watched fs.FileInfo       // the directory that is watched
}

// ensure starts a watch when there is none, or none on the directory that is at the path now. It reports whether it
// started one.
func (n *notifier) ensure() (started bool, err error) {
	info, err := os.Stat(n.dir)
	if err != nil {
		n.close()
		return false, err
	}
	if n.watcher != nil && os.SameFile(info, n.watched) {
		return false, nil
	}
	n.close()
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

// notice ends the watch when the event is that the directory itself went away. One that comes in its place may have
// the same inode, so ensure could not tell.
func (n *notifier) notice(event fsnotify.Event) {
	if event.Name == n.dir && (event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename)) {
		n.close()
	}
}

// events returns the channel of events, which stays silent while there is no watch.
func (n *notifier) events() <-chan fsnotify.Event {
	if n.watcher == nil {
		return nil
	}
	return n.watcher.Events
}

// errors returns the channel of errors, which stays silent while there is no watch.
func (n *notifier) errors() <-chan error {
	if n.watcher == nil {
		return nil
	}
	return n.watcher.Errors
}

// close ends the watch, if there is one, and waits for its goroutine.
func (n *notifier) close() {
	if n.watcher == nil {
		return
	}
	_ = n.watcher.Close() // Nothing was written to it that could be lost.
	n.watcher = nil
}
