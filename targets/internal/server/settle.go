package server

import (
	"context"
	"time"
)

// look is how often is looked whether a wait is over.
const look = 5 * time.Millisecond

// await waits until done says yes, or ctx ends.
func await(ctx context.Context, done func() bool) {
	settle(ctx, 1, func() bool { return !done() })
}

// settle waits until busy has said no to so many looks in a row, or ctx ends. It counts looks and not time, so that a
// process that is kept from running does not take its own sleep for silence.
func settle(ctx context.Context, looks int, busy func() bool) {
	tick := time.NewTicker(look)
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
