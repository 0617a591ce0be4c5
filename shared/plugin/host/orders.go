package host

import (
	"fmt"
	"slices"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// orderReload obeys a request to reload. A plugin that does not run is started, and one that is being started is
// started anew: its file may have changed since.
func (p *plugin) orderReload(r reply) {
	switch {
	case p.leaving || p.stopping:
		p.orderStart(r)
	case p.reloading():
		r <- answer{p.status(), fmt.Errorf("plugin %s: %w", p.name.File, contract.ErrReloading)}
	case p.current == nil:
		p.begin(true, []reply{r})
	default:
		if look := p.attempt; look != nil { // Nobody waits for it, and it may be late by now.
			p.end(look)
		}
		p.reload(true, []reply{r})
	}
}

// reloading tells whether a reload is under way that is more than a look at the file.
func (p *plugin) reloading() bool {
	a := p.attempt
	return a != nil && (a.asked || p.current != nil && a.lease != nil)
}

// orderStart obeys a request to start. Who asks while the plugin starts waits for that.
func (p *plugin) orderStart(r reply) {
	switch {
	case p.leaving:
		r <- answer{p.status(), p.unavailable(p.view.Load())}
	case p.stopping:
		p.wanted = true
		p.starters = append(p.starters, r)
	case p.current != nil:
		r <- answer{p.status(), nil}
	case p.attempt != nil && !p.attempt.paused:
		p.attempt.waiting = append(p.attempt.waiting, r)
	default:
		p.begin(false, []reply{r})
	}
}

// orderKill obeys a request to end the plugin.
func (p *plugin) orderKill(r reply) {
	if !p.stopping && p.view.Load().status.State == contract.Stopped {
		r <- answer{p.status(), nil}
		return
	}
	p.killers = append(p.killers, r)
	for i := range p.retired {
		i.hasten()
	}
	p.stop("it was killed on request, until it is started or its file changes", p.parts.pace.drain)
}

// begin starts the plugin of its file as it is now, as if it had never crashed. It takes over what the attempt before
// it was for, and who waits for that.
func (p *plugin) begin(asked bool, waiting []reply) {
	a := &attempt{asked: asked, waiting: waiting}
	if last := p.attempt; last != nil {
		a.reload, a.mending, a.restart = last.reload, last.mending, last.restart
		a.fallback, last.fallback = last.fallback, nil
		a.waiting = slices.Concat(last.waiting, waiting)
		p.end(last)
	}
	p.crashes = crashes{}
	p.start(a)
}

// changed sees to a file that is new or another.
func (p *plugin) changed() {
	switch {
	case p.leaving:
		p.returned = true
	case p.stopping:
		p.wanted = true
	case p.attempt != nil && !p.attempt.paused:
		p.dirty = true
	case p.current != nil:
		p.reload(false, nil)
	default:
		p.begin(false, nil)
	}
}

// relisted sees to checksums that are new: they may allow what the last ones did not.
func (p *plugin) relisted() {
	switch {
	case p.attempt != nil && !p.attempt.paused:
		p.dirty = true
	case p.unlisted:
		p.changed()
	}
}

// leave ends the plugin for good.
func (p *plugin) leave(reason string) {
	p.leaving, p.returned = true, false
	p.stop(reason, p.parts.pace.call)
}

// stop ends whatever there is of the plugin. An instance may finish its calls for as long as patience lasts.
func (p *plugin) stop(reason string, patience time.Duration) {
	p.stopping, p.wanted, p.reason = true, false, reason
	p.unlisted = false
	p.abandon(p.stopped())
	p.answer(p.starters, p.stopped())
	p.starters = nil
	i := p.current
	if i == nil {
		return
	}
	p.current = nil
	p.enter(contract.Draining, reason)
	p.retire(i, patience)
}

// settle is the end of stopping, once nothing of the plugin is left.
func (p *plugin) settle() {
	if !p.stopping || p.workers > 0 {
		return
	}
	p.stopping = false
	p.enter(contract.Stopped, p.reason)
	p.answer(p.killers, nil)
	p.killers = nil
	if p.wanted {
		starters := p.starters
		p.starters = nil
		p.begin(false, starters)
	}
}
