package health_test

import (
	"sync"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/health"
)

func TestProbes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		healthy, ready      bool
		act                 func(*health.State)
		wantLive, wantReady bool
		wantDraining        bool
	}{
		{name: "healthy and ready", healthy: true, ready: true, wantLive: true, wantReady: true},
		{name: "started unhealthy", ready: true, wantReady: true},
		{name: "started unready", healthy: true, wantLive: true},
		{
			name: "unready, then enabled", healthy: true,
			act:      func(s *health.State) { s.SetReady(true) },
			wantLive: true, wantReady: true,
		},
		{
			name: "ready, then disabled", healthy: true, ready: true,
			act:      func(s *health.State) { s.SetReady(false) },
			wantLive: true,
		},
		{
			name: "draining", healthy: true, ready: true,
			act:          func(s *health.State) { s.Drain() },
			wantDraining: true,
		},
		{
			name: "enabled while draining", healthy: true, ready: true,
			act:          func(s *health.State) { s.Drain(); s.SetReady(true) },
			wantDraining: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := health.New(tt.healthy, tt.ready)
			if tt.act != nil {
				tt.act(s)
			}
			if got := s.Live(); got != tt.wantLive {
				t.Errorf("Live() = %t, want %t", got, tt.wantLive)
			}
			if got := s.Ready(); got != tt.wantReady {
				t.Errorf("Ready() = %t, want %t", got, tt.wantReady)
			}
			if got := s.Draining(); got != tt.wantDraining {
				t.Errorf("Draining() = %t, want %t", got, tt.wantDraining)
			}
			if got := closed(s.DrainStarted()); got != tt.wantDraining {
				t.Errorf("the channel of DrainStarted() is closed: %t, want %t", got, tt.wantDraining)
			}
		})
	}
}

// TestDrainTogether has many callers drain at once, as a signal and a failing listener may: the channel is closed once,
// and is closed for each caller by the time its call returns.
func TestDrainTogether(t *testing.T) {
	t.Parallel()
	s := health.New(true, true)
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			s.Drain()
			if !s.Draining() || !closed(s.DrainStarted()) {
				t.Error("Drain() returned before the drain could be seen")
			}
			if s.Live() || s.Ready() {
				t.Error("a draining process still passes a probe")
			}
		})
	}
	callers.Wait()
}

func TestProbesDoNotAllocate(t *testing.T) {
	s := health.New(true, true)
	if n := testing.AllocsPerRun(100, func() { _ = s.Live() && s.Ready() }); n != 0 {
		t.Errorf("a probe allocates %v times, want 0", n)
	}
}

// closed reports whether ch is closed.
func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
