package configs

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDebouncer(t *testing.T) {
	t.Parallel()
	const quiet, longest = 50 * time.Millisecond, 250 * time.Millisecond
	tests := []struct {
		name   string
		events []time.Duration // since the start
		want   time.Duration   // when it fires
	}{
		{"one event", []time.Duration{0}, quiet},
		{"a burst", []time.Duration{0, 10 * time.Millisecond, 40 * time.Millisecond}, 90 * time.Millisecond},
		{
			"no end", []time.Duration{
				0, 40 * time.Millisecond, 80 * time.Millisecond, 120 * time.Millisecond, 160 * time.Millisecond,
				200 * time.Millisecond, 240 * time.Millisecond,
			}, longest,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDebouncer(quiet, longest)
				defer d.stop()
				for round := range 2 { // The second shows that reset forgets the first.
					start := time.Now()
					for _, at := range tt.events {
						<-time.After(time.Until(start.Add(at)))
						d.touch()
					}
					<-d.fired()
					d.reset()
					if got := time.Since(start); got != tt.want {
						t.Errorf("round %d fires after %s, want %s", round, got, tt.want)
					}
				}
			})
		})
	}
}

// TestDebouncerSilent shows that a debouncer that was told of no event does not fire.
func TestDebouncerSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDebouncer(time.Millisecond, time.Millisecond)
		defer d.stop()
		select {
		case <-d.fired():
			t.Error("it fires without an event")
		case <-time.After(time.Minute):
		}
	})
}
