// Package configs keeps a live view of a directory of small files, as Kubernetes mounts ConfigMaps and Secrets.
//
// Kubelet never changes such a volume in place. It writes a new directory with a time stamp for a name, points the link
// ..data at it with one rename, then adds and removes the links that users see, each of the form key -> ..data/key, and
// last removes the old directory:
//
//	..2026_01_02_15_04_05.123/app.yaml
//	..data -> ..2026_01_02_15_04_05.123
//	app.yaml -> ..data/app.yaml
//
// So the moment of the rename is the wrong one to read: new keys have no link yet, and removed ones have a link to
// nothing. A Watcher reads shortly after the last event instead, skips what cannot be read, and reads again when ..data
// moved meanwhile, so that no view mixes two versions. Plain files that are added, changed, removed or renamed are
// seen in the same way.
//
// Events are a hint, not the truth: they do not cross every file system, they get lost, there may be no inotify watch
// left for us, and a directory that is replaced takes its watch with it. So the directory is also read every two
// seconds, and watched anew when it is not the one that was.
package configs

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/notify"
)

// Watcher is a live view of one directory. Make one with Open and end it with Close.
type Watcher struct {
	dir  string
	log  *logrus.Logger
	pace pace
	view atomic.Pointer[map[string]string]

	// These belong to the goroutine of run.
	notifier *notify.Notifier
	known    problems // what was logged already and still holds

	stop    chan struct{}
	running sync.WaitGroup
	close   func()
}

// pace says when the directory is read.
type pace struct {
	quiet   time.Duration // this long after the last event
	longest time.Duration // but at most this long after the first one, when they do not end
	poll    time.Duration // and this often without any event
}

// Open reads the directory dir and watches it from then on, logging to log what it does. It fails when dir cannot be
// read; that it cannot be watched is only logged, since it is polled too.
func Open(dir string, log *logrus.Logger) (*Watcher, error) {
	usual := pace{quiet: 50 * time.Millisecond, longest: 250 * time.Millisecond, poll: 2 * time.Second}
	return open(dir, log, usual, fsnotify.NewWatcher)
}

func open(dir string, log *logrus.Logger, pace pace, create func() (*fsnotify.Watcher, error)) (*Watcher, error) {
	dir = filepath.Clean(dir)
	w := &Watcher{
		dir: dir, log: log, pace: pace,
		notifier: notify.New(dir, create),
		stop:     make(chan struct{}),
	}
	if err := w.refresh(); err != nil {
		w.notifier.Close()
		return nil, fmt.Errorf("cannot read the config directory %q: %w; create or mount it, or set no config path", dir, err)
	}
	w.close = sync.OnceFunc(func() {
		close(w.stop)
		w.running.Wait()
	})
	w.running.Go(w.run)
	return w, nil
}

// All returns the contents of the files by name, as they are now and byte for byte. The map is never changed again,
// neither by the Watcher nor may it be by the caller.
func (w *Watcher) All() map[string]string { return *w.view.Load() }

// Close ends the watch and waits until it has ended. All then goes on to return what was seen last. Calling Close again
// changes nothing; the error is always nil.
func (w *Watcher) Close() error {
	w.close()
	return nil
}

// run follows the directory until Close.
func (w *Watcher) run() {
	defer w.notifier.Close()
	poll := time.NewTicker(w.pace.poll)
	defer poll.Stop()
	settled := newDebouncer(w.pace.quiet, w.pace.longest)
	defer settled.stop()
	for {
		select {
		case <-w.stop:
			return
		case event := <-w.notifier.Events():
			w.notifier.Notice(event)
			settled.touch()
			continue
		case err := <-w.notifier.Errors():
			w.log.Warnf("fscache update error %v", err)
			w.notifier.Close() // Events were lost, and with them what they said. The next read watches anew.
			settled.touch()
			continue
		case <-settled.fired():
			settled.reset()
		case <-poll.C:
		}
		if errors.Is(w.refresh(), errUnsettled) {
			settled.touch()
		}
	}
}

// refresh makes sure that the directory is watched, reads it and shows what it holds. When it cannot be read, the last
// view stays.
func (w *Watcher) refresh() error {
	watchErr := w.watch() // Before the read, so that no change falls between the two.
	contents, found, err := read(w.dir)
	switch {
	case err != nil:
		found = problems{err.Error(): logrus.WarnLevel}
	case watchErr != nil:
		found[fmt.Sprintf("no watch, reading every %s: %v", w.pace.poll, watchErr)] = logrus.WarnLevel
	}
	w.report(found)
	if err != nil {
		return err
	}
	last := w.view.Load()
	if last != nil && maps.Equal(contents, *last) {
		return nil
	}
	w.view.Store(&contents)
	if last != nil {
		w.log.Infof("fscache reload %s", w.dir)
	}
	return nil
}

// watch sees to it that there is a watch on the directory.
func (w *Watcher) watch() error {
	started, err := w.notifier.Ensure()
	if started {
		w.log.Infof("fscache start watcher for %s", w.dir)
	}
	return err
}

// report logs what is newly wrong. What was wrong the last time already is not repeated.
func (w *Watcher) report(found problems) {
	for _, text := range slices.Sorted(maps.Keys(found)) {
		if _, ok := w.known[text]; !ok {
			w.log.Logf(found[text], "fscache update error %s", text)
		}
	}
	w.known = found
}
