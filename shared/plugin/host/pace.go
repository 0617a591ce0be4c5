package host

import (
	"math/rand/v2"
	"time"
)

// pace holds the times by which plugins live.
type pace struct {
	call  time.Duration // a call, with its retry
	grace time.Duration // how long a call waits for a plugin that just crashed
	drain time.Duration // how long a killed instance may finish its calls
	order time.Duration // how long is waited for an order to be obeyed
	end   time.Duration // how long what is killed because the host ends may take to be gone

	ping        time.Duration // between two pings
	pingTimeout time.Duration
	pings       int           // that may fail in a row
	autopsy     time.Duration // how long a process may take to end after its connection did

	pause    time.Duration // the shortest before a restart that is not at once
	maxPause time.Duration
	settled  time.Duration // an instance that served this long starts the pauses anew
	window   time.Duration // in which crashes are counted
	crashes  int           // that make a plugin failed
}

func usual(call time.Duration) pace {
	return pace{
		call:  call,
		grace: time.Second,
		drain: time.Second,
		order: time.Minute,
		end:   3 * time.Second,

		ping:        2 * time.Second,
		pingTimeout: 3 * time.Second,
		pings:       3,
		autopsy:     50 * time.Millisecond,

		pause:    10 * time.Millisecond,
		maxPause: 30 * time.Second,
		settled:  time.Minute,
		window:   10 * time.Minute,
		crashes:  5,
	}
}

// How far a crash moves the pause before the next restart, in doublings.
const (
	afterService   = 1 // it did serve
	afterNoService = 4 // it never did, and will hardly in ten milliseconds
)

// crashes is the memory of a plugin's crashes.
type crashes struct {
	recent []time.Time // within the window, oldest first
	level  int         // doublings of the pause; none is a restart at once
}

// add notes a crash at now. It is false when there were too many within the window.
func (c *crashes) add(now time.Time, p pace) (ok bool) {
	for len(c.recent) > 0 && now.Sub(c.recent[0]) >= p.window {
		c.recent = c.recent[1:]
	}
	c.recent = append(c.recent, now)
	return !c.many(p)
}

// many tells whether there were too many when the last one was noted.
func (c *crashes) many(p pace) bool { return len(c.recent) >= p.crashes }

// pause returns the pause before the next start, and makes the one after that longer.
func (c *crashes) pause(weight int, p pace) time.Duration {
	pause := p.pauseAt(c.level)
	c.level += weight
	return pause
}

// pauseAt returns the pause at a level. Its upper half is left to chance, so that the plugins of many hosts that crash
// over the same thing do not come back in step.
func (p pace) pauseAt(level int) time.Duration {
	if level == 0 {
		return 0
	}
	pause := p.pause
	for range level - 1 {
		pause = min(2*pause, p.maxPause)
	}
	return pause/2 + rand.N(pause/2+1) //nolint:gosec // chance is enough, nobody gains by guessing it
}
