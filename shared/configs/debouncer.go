package configs

import "time"

// debouncer fires once when events have come to rest. It is used by one goroutine.
type debouncer struct {
	quiet   time.Duration
	longest time.Duration
	timer   *time.Timer
	first   time.Time // of the events it waits for; zero when there are none
}

// newDebouncer returns a debouncer that fires quiet after the last event and at most longest after the first one, so
// that events without an end cannot hold it off.
func newDebouncer(quiet, longest time.Duration) *debouncer {
	timer := time.NewTimer(quiet)
	timer.Stop()
	return &debouncer{quiet: quiet, longest: longest, timer: timer}
}

// touch tells of an event.
func (d *debouncer) touch() {
	now := time.Now()
	if d.first.IsZero() {
		d.first = now
	}
	d.timer.Reset(min(d.quiet, d.first.Add(d.longest).Sub(now)))
}

// fired returns the channel that tells of the rest. Its receiver calls reset.
func (d *debouncer) fired() <-chan time.Time { return d.timer.C }

// reset makes the next event the first one.
func (d *debouncer) reset() { d.first = time.Time{} }

func (d *debouncer) stop() { d.timer.Stop() }
