package host

import (
	"testing"
	"time"
)

func TestPauses(t *testing.T) {
	t.Parallel()
	p := usual(time.Second)
	for _, c := range []struct {
		level   int
		longest time.Duration
	}{
		{0, 0},
		{1, 10 * time.Millisecond},
		{2, 20 * time.Millisecond},
		{4, 80 * time.Millisecond},
		{8, 1280 * time.Millisecond},
		{100, 30 * time.Second},
	} {
		different := map[time.Duration]bool{}
		for range 100 {
			pause := p.pauseAt(c.level)
			if pause > c.longest || pause < c.longest/2 {
				t.Errorf("at level %d it is %s, want between half of %s and that", c.level, pause, c.longest)
			}
			different[pause] = true
		}
		if c.level > 0 && len(different) < 2 {
			t.Errorf("at level %d the pause is always the same", c.level)
		}
	}
}

func TestFiveCrashesInTenMinutesAreTooMany(t *testing.T) {
	t.Parallel()
	p, start := usual(time.Second), time.Now()
	for _, c := range []struct {
		name string
		at   []time.Duration
		ok   bool
	}{
		{"four", []time.Duration{0, 1, 2, 3}, true},
		{"five at once", []time.Duration{0, 0, 0, 0, 0}, false},
		{"five in less than the window", []time.Duration{0, 1, 2, 3, p.window - 1}, false},
		{"the first is over", []time.Duration{0, 1, 2, 3, p.window}, true},
		{"the window slides", []time.Duration{0, 1, time.Minute, time.Minute, time.Minute, p.window}, false},
	} {
		var crashes crashes
		ok := true
		for _, at := range c.at {
			ok = crashes.add(start.Add(at), p)
		}
		if ok != c.ok {
			t.Errorf("%s: ok is %t", c.name, ok)
		}
	}
}
