package plugin_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// callers is how many call a plugin at a time.
const callers = 16

// load is callers who call a plugin without a pause until they are stopped, so that their calls are always in flight.
type load struct {
	calls, lost atomic.Int64
	answered    [callers]atomic.Int64 // calls of each caller
	stop        func()
}

// press puts a plugin under load. A call that fails, or that gets the answer to another, is lost and fails the test.
func (r *runs) press(t *testing.T, name string) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{}
	var running sync.WaitGroup
	for c := range callers {
		running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				call := name + " " + strconv.Itoa(c) + " " + strconv.Itoa(i)
				got, err := r.Decode(ctx, name, []byte(call))
				if errors.Is(err, context.Canceled) {
					return // It was stopped.
				}
				l.calls.Add(1)
				l.answered[c].Add(1)
				if answer, ok := got.([]byte); err != nil || !ok || string(answer) != call {
					l.lost.Add(1)
					t.Errorf("the call %q got %v, %v", call, got, err)
				}
			}
		})
	}
	l.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

// moved waits until every caller has been answered since it began to wait. None of the calls in flight then has
// seen a process die, so that one more kill is the first for each.
func (l *load) moved(t *testing.T) {
	t.Helper()
	var before [callers]int64
	for c := range before {
		before[c] = l.answered[c].Load()
	}
	testkit.Eventually(t, patience, "every caller to be answered", func() bool {
		for c := range before {
			if l.answered[c].Load() == before[c] {
				return false
			}
		}
		return true
	})
}

// durations are times that something took, one by one.
type durations []time.Duration

// percentile returns the time that so many percent of them do not exceed.
func (d durations) percentile(percent int) time.Duration {
	slices.Sort(d)
	return d[(len(d)*percent+99)/100-1].Round(10 * time.Microsecond)
}
