package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

// method is what is called of a plugin.
type method int

const (
	encode method = iota
	decode
	methods // their number
)

func (m method) String() string {
	if m == encode {
		return "encode"
	}
	return "decode"
}

// call makes the call of a plugin.
func (m method) call(ctx context.Context, c wire.Client, value any) (any, error) {
	if m == encode {
		return c.Encode(ctx, value)
	}
	return c.Decode(ctx, value)
}

// When it is worth another try.
const (
	soon  = time.Second // what is under way ends by itself
	later = time.Minute // somebody has to do something
)

// instant is how far two clocks of one machine, or two looks at one, may be apart.
const instant = 10 * time.Millisecond

// call makes one call of the plugin within the time for it.
func (p *plugin) call(ctx context.Context, m method, value any) (any, error) {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, p.parts.pace.call)
	defer cancel()
	answer, err := p.admit(limited, m, value)
	if isEnd(err) {
		err = p.late(ctx)
	}
	p.series.observe(m, time.Since(began), err)
	return answer, err
}

// isEnd tells whether an error is that of a context that ended.
func isEnd(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// late is the error of a call whose time was up: by the client's own will, or because the plugin took too long. The
// plugin, which knows the time too, may be the first to say so.
func (p *plugin) late(client context.Context) error {
	if err := client.Err(); err != nil {
		return err
	}
	if deadline, ok := client.Deadline(); ok && time.Until(deadline) < instant {
		return context.DeadlineExceeded
	}
	return fmt.Errorf("plugin %s: %w: %s were not enough", p.name.File, contract.ErrTimeout, p.parts.pace.call)
}

// admit makes a call unless there are too many already.
func (p *plugin) admit(ctx context.Context, m method, value any) (any, error) {
	n := p.inFlight.Add(1)
	defer p.inFlight.Add(-1)
	if n > p.maxCalls {
		return nil, fmt.Errorf("plugin %s: %w: it takes %d at a time", p.name.File, contract.ErrBusy, p.maxCalls)
	}
	weight, held := p.hold(value)
	if !held {
		return nil, fmt.Errorf("plugin %s: %w: what they give it may take %d bytes of its memory", p.name.File,
			contract.ErrBusy, p.room)
	}
	defer p.weight.Add(-weight)
	i, err := p.take(ctx, nil, p.parts.pace.grace)
	if err != nil {
		return nil, err
	}
	answer, err := p.give(ctx, i, m, value, false)
	if err == nil || !wire.Lost(err) {
		return answer, err
	}
	return p.again(ctx, i, m, value)
}

// again makes a call whose connection was lost once more, on an instance other than the one that lost it, for which it
// waits as long as it has time.
func (p *plugin) again(ctx context.Context, dead *instance, m method, value any) (any, error) {
	i, err := p.take(ctx, dead, p.parts.pace.call)
	if errors.Is(err, context.Canceled) {
		return nil, err // The client has left.
	}
	if err != nil {
		return nil, p.died("and none took its place in time")
	}
	p.series.retries.Inc()
	answer, err := p.give(ctx, i, m, value, true)
	if err != nil && wire.Lost(err) {
		return nil, p.died("and so did the next one")
	}
	return answer, err
}

// died is what the client is told. What the connection was lost of, with the paths of sockets, is in the log.
func (p *plugin) died(what string) error {
	return fmt.Errorf("plugin %s: %w, %s", p.name.File, contract.ErrDied, what)
}

// give makes a call of an instance that was entered for it.
func (p *plugin) give(ctx context.Context, i *instance, m method, value any, retry bool) (any, error) {
	defer i.leave()
	if p.tracer != nil {
		mark(ctx, i, retry)
	}
	answer, err := m.call(ctx, i.Client(), value)
	switch {
	case err == nil:
		i.seen()
	case wire.Lost(err):
		if i.lose(err) {
			p.log.WithField("pid", i.PID()).WithError(err).Warn("plugin's connection was lost during a call")
		}
	}
	return answer, err
}

// seen notes a sign of life. Most calls find it noted already, and then share the memory without contending for it.
func (i *instance) seen() {
	if !i.answered.Load() {
		i.answered.Store(true)
	}
}

// take enters the instance that serves. After a crash it waits for the next one, for as long as patience lasts. The
// instance dead is none that serves, even if that was not noticed yet.
func (p *plugin) take(ctx context.Context, dead *instance, patience time.Duration) (*instance, error) {
	v := p.view.Load()
	if v.instance != nil && v.instance != dead && v.instance.enter() {
		return v.instance, nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		v = p.view.Load()
		switch {
		case v.instance != nil && v.instance != dead:
			if v.instance.enter() {
				return v.instance, nil
			}
		case v.instance == nil && !v.mending:
			return nil, p.unavailable(v)
		}
		select {
		case <-v.next:
		case <-timer.C:
			return nil, p.unavailable(v)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// unavailable says why a plugin takes no calls, and when it might.
func (p *plugin) unavailable(v *view) error {
	e := &contract.UnavailableError{Name: p.name.File, State: v.status.State, RetryAfter: soon}
	switch v.status.State {
	case contract.Failed, contract.Stopped:
		e.RetryAfter = later
	case contract.Backoff:
		e.RetryAfter = max(soon, time.Until(v.retryAt))
	}
	return e
}

// stopped is what those hear who wait for a plugin that is stopped instead.
func (p *plugin) stopped() error {
	return &contract.UnavailableError{Name: p.name.File, State: contract.Stopped, RetryAfter: later}
}
