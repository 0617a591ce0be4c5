// Package health holds what the probes of this process answer: whether it is alive, whether it is ready for traffic and
// whether it has begun to stop.
//
// Liveness is fixed at start; readiness is a switch that can be turned while the process runs. A drain overrides both,
// once and for good: from the first stop signal on, the process is neither live nor ready, so that Kubernetes takes its
// address out of every Service while the requests still arriving are served. See
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes.
package health

import (
	"sync"
	"sync/atomic"
)

// State is the health of one process. Probes read it without taking a lock; all methods may be called from any
// goroutine. Make one with New.
type State struct {
	healthy  bool
	ready    atomic.Bool
	draining atomic.Bool
	drain    sync.Once
	started  chan struct{}
}

// New returns a state that is live when healthy is true and ready when ready is true.
func New(healthy, ready bool) *State {
	s := &State{healthy: healthy, started: make(chan struct{})}
	s.ready.Store(ready)
	return s
}

// Live reports whether the liveness probe passes.
func (s *State) Live() bool { return s.healthy && !s.draining.Load() }

// Ready reports whether the readiness probe passes.
func (s *State) Ready() bool { return s.ready.Load() && !s.draining.Load() }

// SetReady turns the readiness switch, whatever New was told. While the process drains the switch is kept, but Ready
// stays false.
func (s *State) SetReady(ready bool) { s.ready.Store(ready) }

// Drain marks the process as stopping, for good. Calling it again changes nothing. When it returns, Draining is true
// and the channel of DrainStarted is closed.
func (s *State) Drain() {
	s.drain.Do(func() {
		s.draining.Store(true)
		close(s.started)
	})
}

// Draining reports whether Drain was called.
func (s *State) Draining() bool { return s.draining.Load() }

// DrainStarted returns the channel that is closed when the drain begins, for those who must act on it, such as open
// websockets and the gRPC health service.
func (s *State) DrainStarted() <-chan struct{} { return s.started }
