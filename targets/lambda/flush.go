package main

import (
	"context"
	"sync"
	"time"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

const (
	// flushTimeout bounds what telemetry may add to an answer.
	flushTimeout = time.Second
	// flushReserve is left of an invocation's time for the answer itself.
	flushReserve = 200 * time.Millisecond
	// flushPause is how long nothing is flushed after a flush that failed, so that a collector that is gone does not
	// cost every request its flushTimeout. What is recorded meanwhile waits in a bounded queue.
	flushPause = 10 * time.Second
)

// flusher sends telemetry before an answer leaves: Lambda freezes the process afterwards, for minutes or for good.
type flusher struct {
	providers *telemetry.Providers // nil is none

	mu    sync.Mutex
	pause time.Time // until when nothing is flushed
}

func newFlusher(providers *telemetry.Providers) *flusher { return &flusher{providers: providers} }

// flush sends what the invocation of ctx has recorded. Its answer may have taken all the time that it had, so it is not
// ctx that bounds this, but what is left to Lambda's own deadline.
func (f *flusher) flush(ctx context.Context) {
	timeout := flushTimeout
	if inv := invocationOf(ctx); inv != nil && !inv.deadline.IsZero() {
		timeout = min(timeout, time.Until(inv.deadline)-flushReserve)
	}
	if f.providers == nil || timeout <= 0 || f.paused() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := f.providers.ForceFlush(ctx); err != nil { // The providers have logged it.
		f.rest()
	}
}

func (f *flusher) paused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Before(f.pause)
}

func (f *flusher) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pause = time.Now().Add(flushPause)
}
