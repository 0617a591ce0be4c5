package host

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/internal/stage"
)

// lease is a staged file and the number of those who need it, which the plugin's goroutine alone counts.
type lease struct {
	file    stage.File
	holders int
}

// hold counts in one more who needs the lease.
func (l *lease) hold() *lease {
	l.holders++
	return l
}

// instance is one process of a plugin with the calls that are in it.
type instance struct {
	process
	lease *lease
	ready time.Time // when it came up

	calls   atomic.Int64 // that are in it, plus closedBias once it takes no more
	empty   chan struct{}
	emptied sync.Once

	lost   chan struct{} // closed when a call or a ping found the connection gone
	losing sync.Once
	cause  error // of lost, to be read after it was closed

	hastened  chan struct{} // closed when its calls are to finish sooner than they were given time to
	hastening sync.Once

	answered atomic.Bool // since the last ping
	retired  context.Context
	retire   context.CancelFunc
}

// closedBias makes the count of calls negative for good, however many try to come in.
const closedBias = math.MinInt64 / 2

func newInstance(p process, l *lease) *instance {
	i := &instance{
		process: p, lease: l, ready: time.Now(),
		empty: make(chan struct{}), lost: make(chan struct{}), hastened: make(chan struct{}),
	}
	i.retired, i.retire = context.WithCancel(context.Background())
	return i
}

// enter counts a call in, unless the instance takes no more. Who is in must leave.
func (i *instance) enter() bool {
	if i.calls.Add(1) > 0 {
		return true
	}
	i.leave()
	return false
}

func (i *instance) leave() {
	if i.calls.Add(-1) == closedBias {
		i.emptied.Do(func() { close(i.empty) })
	}
}

// close lets no more calls in. It may be called once.
func (i *instance) close() {
	i.retire()
	if i.calls.Add(closedBias) == closedBias {
		i.emptied.Do(func() { close(i.empty) })
	}
}

// drain waits until the calls have left, for at most patience, or haste once the instance is hastened, and not beyond
// the end of hurry.
func (i *instance) drain(patience, haste time.Duration, hurry <-chan struct{}) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for hastened := i.hastened; ; {
		select {
		case <-i.empty:
			return
		case <-timer.C:
			return
		case <-hurry:
			return
		case <-i.Exited(): // Calls into nothing end by themselves.
			return
		case <-hastened:
			hastened = nil
			timer.Reset(min(patience, haste))
		}
	}
}

// hasten leaves less time to an instance that drains.
func (i *instance) hasten() { i.hastening.Do(func() { close(i.hastened) }) }

// lose notes that the connection is gone, and why. It is true for the first to find out, who alone is heard.
func (i *instance) lose(err error) (first bool) {
	i.losing.Do(func() {
		i.cause = err
		close(i.lost)
		first = true
	})
	return first
}
