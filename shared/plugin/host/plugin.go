package host

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// plugin is one plugin of a host. The goroutine of run owns everything in it but what is said to be for all.
type plugin struct {
	// For all; these never change.
	name     contract.Name
	source   string // its file
	parts    parts
	log      *logrus.Entry
	series   *series
	tracer   trace.Tracer // nil is none
	maxCalls int64
	room     int64           // that the arguments of its calls may take, in bytes; 0 is without bound
	closing  context.Context // ends when the host stops
	hurry    context.Context // and ends when it has no time left
	events   chan func()     // what run is to do next
	ended    chan struct{}   // closed when run is over
	dropped  chan struct{}   // closed when the host forgot the plugin

	// For all.
	view     atomic.Pointer[view]
	inFlight atomic.Int64
	weight   atomic.Int64 // of the arguments in flight, in bytes

	workers  int                // goroutines that will hand back an event
	current  *instance          // serves; nil if none does
	retired  map[*instance]bool // get no more calls, and are not gone yet
	attempt  *attempt           // to start an instance; nil if there is none
	crashes  crashes
	dirty    bool      // the file changed since the attempt looked at it
	unlisted bool      // the checksums did not allow the file when it was last looked at
	behind   bool      // the file as it was last looked at could not take the place of what serves
	delayed  *instance // beside which a failed reload will be made once more; nil if there is none
	stopping bool      // until nothing is left that runs
	reason   string    // of stopping
	wanted   bool      // to be started again once stopped
	leaving  bool      // to be forgotten once stopped
	returned bool      // the file is back since it is leaving
	killers  []reply
	starters []reply // who wait for the end of stopping to start it
}

// view is what a plugin is at a moment. It never changes; a newer one takes its place.
type view struct {
	status   contract.Status
	instance *instance     // takes the calls; nil if none does
	mending  bool          // it crashed, and a fresh instance is on its way
	retryAt  time.Time     // when the pause after a crash ends
	next     chan struct{} // closed when there is a newer view
}

// reply takes the one answer to a command.
type reply chan answer

type answer struct {
	status contract.Status
	err    error
}

func newPlugin(h *Host, name contract.Name, source string) *plugin {
	p := &plugin{
		name: name, source: source, parts: h.parts,
		log:     h.log.WithField("plugin", name.File),
		series:  h.metrics.of(name.File),
		closing: h.closing, hurry: h.hurry,
		maxCalls: int64(h.o.MaxCalls), room: int64(h.o.Limits.Memory / roomShare), //nolint:gosec // far from overflow
		retired: map[*instance]bool{},
		events:  make(chan func()), ended: make(chan struct{}), dropped: make(chan struct{}),
	}
	if h.o.Tracer != nil {
		p.tracer = h.o.Tracer.Tracer(scope)
	}
	p.view.Store(&view{next: make(chan struct{}), status: contract.Status{
		Name: name.File, Transport: name.Transport, State: contract.Discovered, Since: time.Now(),
	}})
	return p
}

// run is the plugin's life. It ends when the plugin is to be forgotten or the host stops, and all of it is gone.
func (p *plugin) run() {
	defer close(p.ended)
	p.start(&attempt{})
	closing := p.closing.Done()
	for p.workers > 0 || !p.leaving {
		select {
		case event := <-p.events:
			event()
		case <-closing:
			closing = nil
			p.leave("the host stops")
		}
		p.settle()
	}
}

// spawn does work in a goroutine of its own, and what it returns in that of run.
func (p *plugin) spawn(work func() (event func())) {
	p.workers++
	go func() {
		event := work()
		p.events <- func() {
			p.workers--
			event()
		}
	}()
}

// post has run do event next. It is false when run is over.
func (p *plugin) post(event func()) bool {
	select {
	case p.events <- event:
		return true
	case <-p.ended:
		return false
	}
}

// ask has run obey an order, and waits for the answer to it until ctx ends or the time for orders is up. The order is
// obeyed to its end even so.
func (p *plugin) ask(ctx context.Context, order func(reply)) (contract.Status, error) {
	limited, cancel := context.WithTimeout(ctx, p.parts.pace.order)
	defer cancel()
	r := make(reply, 1)
	select {
	case p.events <- func() { order(r) }:
	case <-p.ended:
		return p.status(), p.unavailable(p.view.Load())
	case <-limited.Done():
		return p.status(), p.unobeyed(ctx)
	}
	select {
	case a := <-r:
		return a.status, a.err
	case <-limited.Done():
		return p.status(), p.unobeyed(ctx)
	}
}

// unobeyed is the error of an order that was not waited for to its end.
func (p *plugin) unobeyed(client context.Context) error {
	if err := client.Err(); err != nil {
		return err
	}
	return fmt.Errorf("plugin %s: %w: the order takes more than %s and is still being obeyed; the state of the plugin "+
		"tells when it is done", p.name.File, contract.ErrTimeout, p.parts.pace.order)
}

// answer tells those who wait how it ended.
func (p *plugin) answer(waiting []reply, err error) {
	for _, r := range waiting {
		r <- answer{p.status(), err}
	}
}

// status returns what there is to tell now.
func (p *plugin) status() contract.Status {
	status := p.view.Load().status
	status.InFlight = int(p.inFlight.Load())
	return status
}

// publish makes a new view of the last one.
func (p *plugin) publish(change func(*view)) {
	last := p.view.Load()
	v := *last
	v.next = make(chan struct{})
	v.instance = p.current
	v.mending = p.current == nil && p.attempt != nil && p.attempt.mending
	v.status.SHA256, v.status.PID = "", 0
	if i := p.current; i != nil {
		info := i.Info()
		v.status.SHA256, v.status.PID, v.status.Info = i.lease.file.SHA256, i.PID(), &info
	}
	change(&v)
	p.view.Store(&v)
	close(last.next)
}

// enter brings the plugin to a state, and says so in the log. reason is why it does not serve, or why its last reload
// failed, and empty if all is well.
func (p *plugin) enter(state contract.State, reason string) {
	p.publish(func(v *view) {
		v.status.State, v.status.Since, v.status.Error = state, time.Now(), reason
	})
	fields := logrus.Fields{"state": state}
	status := p.view.Load().status
	if status.PID != 0 {
		fields["pid"], fields["sha256"] = status.PID, short(status.SHA256)
	}
	if reason != "" {
		fields["reason"] = reason
	}
	p.log.WithFields(fields).Info("plugin " + string(state))
}

// short returns as much of a checksum as people need to tell files apart.
func short(sha256 string) string { return sha256[:min(12, len(sha256))] }
