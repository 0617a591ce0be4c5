package cloudfunctions

import (
	"context"
	"sync"
	"time"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

const (
	// flushTime is what a request may take longer for the sake of telemetry.
	flushTime = 500 * time.Millisecond
	// flushPause keeps the requests fast while no collector answers.
	flushPause = 10 * time.Second
)

// flusher sends telemetry at the end of requests. With the default billing an instance has a processor while it has a
// request, see https://cloud.google.com/run/docs/configuring/billing-settings: what the exporters would send later, by
// their own clocks, might wait until the next request, or be lost with the instance. One flush at a time is enough.
type flusher struct {
	providers *telemetry.Providers

	mu   sync.Mutex
	rest time.Time // until then no flush is tried
}

func newFlusher(providers *telemetry.Providers) *flusher { return &flusher{providers: providers} }

// flush sends what is recorded, in at most flushTime. It does not end with the request, whose deadline may be the
// reason for what there is to tell.
func (f *flusher) flush(ctx context.Context) {
	if f.providers == nil || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	if time.Now().Before(f.rest) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if f.providers.ForceFlush(ctx) != nil { // The providers have logged it.
		f.rest = time.Now().Add(flushPause)
	}
}
