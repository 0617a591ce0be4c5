// Package traffic counts the requests that a process serves, and waits until there are none: what a stop needs that
// loses no request.
package traffic

import (
	"context"
	"sync/atomic"
	"time"
)

// Look is how often Settle and Await look whether their wait is over.
const Look = 5 * time.Millisecond

// Counter counts requests. It is safe for concurrent use; its zero value has seen none.
type Counter struct{ begun, ended atomic.Int64 }

// Begin counts a request that has come in.
func (c *Counter) Begin() { c.begun.Add(1) }

// End counts one that is answered.
func (c *Counter) End() { c.ended.Add(1) }

// InFlight is the number of requests that are not answered yet.
func (c *Counter) InFlight() int64 {
	ended := c.ended.Load() // First, for a request that begins in between must not make the number negative.
	return c.begun.Load() - ended
}

// Watch returns a function that tells whether a request is in flight, by the number that inFlight returns, or has begun
// since it was last asked.
func (c *Counter) Watch(inFlight func() int64) (busy func() bool) {
	begun := c.begun.Load()
	return func() bool {
		before := begun
		begun = c.begun.Load()
		return begun != before || inFlight() > 0
	}
}

// Await waits until done says yes, or ctx ends.
func Await(ctx context.Context, done func() bool) {
	Settle(ctx, 1, func() bool { return !done() })
}

// Settle waits until busy has said no to so many looks in a row, or ctx ends. It counts looks and not time, so that a
// process that is kept from running does not take its own sleep for silence.
func Settle(ctx context.Context, looks int, busy func() bool) {
	tick := time.NewTicker(Look)
	defer tick.Stop()
	for quiet := 0; ; {
		quiet++
		if busy() {
			quiet = 0
		}
		if quiet >= looks {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
