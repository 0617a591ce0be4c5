// Package watch tells which plugins are added to the directory that holds them, changed there and removed.
//
// The directory is usually a volume that many pods share. A change that another node made to it raises no event here,
// so the directory is polled: what counts is the look at it. An event is a hint to look earlier.
//
// A file that is being written looks different from one look to the next, so a change is reported only when two looks
// agree on it: two polls, or, when an event told of the change, two looks a short while apart. What cannot be looked at
// is not taken for removed: a volume that has a hiccup must not end every plugin.
package watch

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/notify"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

const (
	defaultPoll = 2 * time.Second
	// longestSettle is how far apart two looks are at most after an event. A local copy writes more often than that.
	longestSettle = 200 * time.Millisecond
)

// Kind is what happened to a plugin's file.
type Kind string

// The kinds of changes.
const (
	Added   Kind = "added"
	Changed Kind = "changed" // it, or the file that a link leads to now; its content may still be the same
	Removed Kind = "removed"
)

// Change is what happened to the file of one plugin.
type Change struct {
	Kind Kind
	Name contract.Name
	Path string // of the file
}

// Options say how a directory is watched.
type Options struct {
	Poll time.Duration // between two looks at the directory; 0 is two seconds
	Log  *logrus.Logger
}

// Watcher watches one directory. Make one with Open and end it with Close.
type Watcher struct {
	dir     string
	pace    pace
	changes chan Change

	// These belong to the goroutine of run.
	notifier *notify.Notifier
	device   any              // of the directory when it was last looked at with success
	reported map[string]mark  // what was reported of each file that is there
	pending  map[string]doubt // what was seen once and differs from that
	told     told

	stop    chan struct{}
	running sync.WaitGroup
	close   func()
}

// pace says when the directory is looked at.
type pace struct {
	poll   time.Duration // this often
	settle time.Duration // and, after an event, this long after the first look, or after the last event
}

// doubt is a difference that is reported when it still is the same at its due time.
type doubt struct {
	mark mark
	due  time.Time
}

// Open watches the directory dir. The plugins that are there already are the first that Changes tells of. It fails when
// dir cannot be read; that it cannot be watched is only logged, since it is polled too.
func Open(dir string, o Options) (*Watcher, error) {
	if o.Poll <= 0 {
		o.Poll = defaultPoll
	}
	return open(dir, o.Log, pace{poll: o.Poll, settle: min(o.Poll/2, longestSettle)}, fsnotify.NewWatcher)
}

func open(dir string, log *logrus.Logger, pace pace, create func() (*fsnotify.Watcher, error)) (*Watcher, error) {
	dir = filepath.Clean(dir)
	if _, err := look(dir, nil); err != nil {
		return nil, fmt.Errorf("cannot read the plugin directory %q: %w; create or mount it, or set no --plugins-path",
			dir, err)
	}
	w := &Watcher{
		dir: dir, pace: pace,
		changes:  make(chan Change),
		notifier: notify.New(dir, create),
		reported: map[string]mark{}, pending: map[string]doubt{},
		told: told{dir: dir, poll: pace.poll, log: log},
		stop: make(chan struct{}),
	}
	w.close = sync.OnceFunc(func() {
		close(w.stop)
		w.running.Wait()
	})
	w.running.Go(w.run)
	return w, nil
}

// Changes returns the channel on which the changes come, in order, those of one moment by name. While nobody receives
// from it the watch stands still; what changes meanwhile is reported as it is afterwards. It is closed by Close.
func (w *Watcher) Changes() <-chan Change { return w.changes }

// Close ends the watch and waits until it has ended. Calling Close again changes nothing; the error is always nil.
func (w *Watcher) Close() error {
	w.close()
	return nil
}

// run follows the directory until Close.
func (w *Watcher) run() {
	defer close(w.changes)
	defer w.notifier.Close()
	poll := time.NewTicker(w.pace.poll)
	defer poll.Stop()
	second := time.NewTimer(w.pace.settle) // the second look after a hint
	defer second.Stop()
	hinted := false // and whether it is still to come
	hint := func() {
		if !hinted {
			w.look(w.pace.settle)
		}
		hinted = true
		second.Reset(w.pace.settle) // While events come, the file is still being written.
	}
	hint() // What is there at the start need not wait for two polls.
	for {
		select {
		case <-w.stop:
			return
		case event := <-w.notifier.Events():
			w.notifier.Notice(event)
			hint()
		case err := <-w.notifier.Errors():
			w.told.lost(err)
			w.notifier.Close() // The next look watches anew.
			hint()
		case <-second.C:
			if hinted = w.look(w.pace.settle); hinted {
				second.Reset(w.pace.settle)
			}
		case <-poll.C:
			w.look(w.pace.poll / 2) // Less than until the next poll, which may be early when this one was late.
		}
	}
}

// look looks at the directory, reports what differs from the last report for at least the time after, and tells whether
// there is still a difference to be looked at again.
func (w *Watcher) look(after time.Duration) (again bool) {
	_, err := w.notifier.Ensure() // Before the look, so that no change falls between the two.
	w.told.watch(err)
	now := time.Now()
	seen, err := look(w.dir, w.reported)
	if err == nil {
		err = w.checkDevice(seen)
	}
	w.told.look(err)
	if err != nil {
		return false
	}
	w.told.entries(seen.problems)
	return w.compare(seen, now, now.Add(after))
}

// checkDevice returns an error when the volume seems to have been unmounted: what is then to be seen is the empty
// directory that it was mounted on, which says nothing of the plugins.
func (w *Watcher) checkDevice(seen snapshot) error {
	if seen.device != w.device && len(seen.marks) == 0 && len(w.reported) > 0 {
		return errUnmounted
	}
	w.device = seen.device
	return nil
}

// compare holds what is seen now against what was reported. New differences are due at the given time.
func (w *Watcher) compare(seen snapshot, now, due time.Time) (again bool) {
	names := maps.Clone(seen.marks)
	maps.Copy(names, w.reported)
	for name := range w.pending {
		names[name] = mark{}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if seen.unknown[name] {
			continue
		}
		found, reported := seen.marks[name], w.reported[name]
		if found.equal(reported) {
			delete(w.pending, name)
			continue
		}
		was, ok := w.pending[name]
		if !ok || !was.mark.equal(found) {
			w.pending[name] = doubt{found, due}
			continue
		}
		if now.Before(was.due) {
			continue
		}
		if !w.report(name, reported, found) {
			return false
		}
	}
	return len(w.pending) > 0
}

// report sends a change, and tells whether it did so before Close.
func (w *Watcher) report(file string, before, now mark) bool {
	name, err := contract.ParseName(file)
	if err != nil {
		return true // It cannot be: only such names are seen.
	}
	change := Change{Kind: Changed, Name: name, Path: filepath.Join(w.dir, file)}
	switch {
	case now.absent():
		change.Kind = Removed
	case before.absent():
		change.Kind = Added
	}
	select {
	case <-w.stop:
		return false
	case w.changes <- change:
	}
	delete(w.pending, file)
	if now.absent() {
		delete(w.reported, file)
	} else {
		w.reported[file] = now
	}
	return true
}
