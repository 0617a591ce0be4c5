package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/stage"
)

// attempt is one try to bring up an instance. What it is made of may arrive when it is no longer wanted: only the
// plugin's current attempt counts.
type attempt struct {
	ctx      context.Context
	cancel   context.CancelFunc
	reload   bool   // an instance serves when it begins
	asked    bool   // by a request, so that even an unchanged file counts
	mending  bool   // after a crash of an instance that served
	restart  bool   // after a crash, and not started yet
	paused   bool   // until the pause after the crash is over
	lease    *lease // the copy to start; nil until there is one
	fallback *lease // the copy that served until a crash, for a file that cannot take its place; nil if there is none
	staged   bool   // starts the fallback, and not the file as it is now
	waiting  []reply
}

// next returns the attempt that follows one that failed. It starts what that did not: the fallback, if there is one, or
// the file.
func (a *attempt) next() *attempt {
	next := &attempt{
		mending: a.mending, restart: a.restart, fallback: a.fallback, staged: a.fallback != nil && !a.staged,
	}
	a.fallback = nil
	return next
}

// try makes an attempt the plugin's current one.
func (p *plugin) try(a *attempt) {
	a.ctx, a.cancel = context.WithCancel(context.Background())
	p.attempt = a
}

// end takes an attempt's place and its fallback away from it.
func (p *plugin) end(a *attempt) {
	a.cancel()
	p.attempt = nil
	p.drop(a.fallback)
}

// abandon gives up the current attempt, if there is one, and tells those who wait for it.
func (p *plugin) abandon(err error) {
	if a := p.attempt; a != nil {
		p.end(a)
		p.answer(a.waiting, err)
	}
}

// start begins to bring up an instance of the file as it is now.
func (p *plugin) start(a *attempt) {
	p.try(a)
	p.enter(contract.Discovered, "")
	p.copy(a)
}

// reload begins to bring up an instance of the file as it is now beside the one that serves.
func (p *plugin) reload(asked bool, waiting []reply) {
	p.try(&attempt{reload: true, asked: asked, waiting: waiting})
	if asked {
		p.enter(contract.Reloading, "")
	}
	p.copy(p.attempt)
}

// copy stages the file for an attempt.
func (p *plugin) copy(a *attempt) {
	p.dirty, p.unlisted, p.behind = false, false, false
	p.spawn(func() func() {
		file, err := p.parts.stage.Add(a.ctx, p.source, p.name)
		return func() { p.copied(a, file, err) }
	})
}

func (p *plugin) copied(a *attempt, file stage.File, err error) {
	if err != nil {
		p.uncopied(a, err)
		return
	}
	a.lease = &lease{file: file, holders: 1}
	switch {
	case p.attempt != a:
		p.drop(a.lease)
		return
	case p.current == nil:
		p.enter(contract.Staged, p.trouble())
	case a.asked:
	case p.current.lease.file.SHA256 == file.SHA256:
		p.unchanged(a)
		return
	default:
		p.enter(contract.Reloading, "")
	}
	p.launch(a)
}

// uncopied is the end of an attempt whose file could not be staged.
func (p *plugin) uncopied(a *attempt, err error) {
	switch {
	case p.attempt != a:
	case passing(err):
		p.stillborn(a, err)
	default:
		p.unlisted = errors.Is(err, stage.ErrUnlisted)
		p.unusable(a, err)
	}
}

// unchanged is the end of a reload for a file that was written anew with the content that runs.
func (p *plugin) unchanged(a *attempt) {
	p.drop(a.lease)
	if p.view.Load().status.Error != "" { // A reload for another content failed, which is gone.
		p.enter(contract.Ready, "")
	}
	p.conclude(a, nil)
}

// launch starts a process of an attempt's copy.
func (p *plugin) launch(a *attempt) {
	if a.restart {
		a.restart = false
		p.restarted()
	}
	if p.current == nil {
		p.enter(contract.Starting, p.trouble())
	}
	p.spawn(func() func() {
		process, err := p.parts.launch(a.ctx, a.lease.file)
		return func() { p.launched(a, process, err) }
	})
}

// trouble is what was told last of why the plugin does not serve: what it crashed of, while it is being mended.
func (p *plugin) trouble() string { return p.view.Load().status.Error }

func (p *plugin) launched(a *attempt, process process, err error) {
	switch {
	case err != nil && p.attempt != a:
		p.drop(a.lease)
	case err != nil && a.staged && errors.Is(err, fs.ErrNotExist):
		p.drop(a.lease)
		p.restage(a)
	case err != nil && hopeless(err):
		p.drop(a.lease)
		p.unusable(a, err)
	case err != nil:
		p.drop(a.lease)
		p.stillborn(a, err)
	case p.attempt != a:
		p.retire(newInstance(process, a.lease), 0)
	default:
		p.serve(a, newInstance(process, a.lease))
	}
}

// restage has an attempt whose copy is gone copy the file anew. That is no fault of the file: what cleans up temporary
// directories takes copies, too.
func (p *plugin) restage(a *attempt) {
	p.drop(a.fallback)
	a.lease, a.fallback, a.staged = nil, nil, false
	p.copy(a)
}

// serve gives the calls to a new instance, and then takes leave of the old one.
func (p *plugin) serve(a *attempt, i *instance) {
	old := p.current
	p.current = i
	p.watch(i)
	if a.reload {
		p.series.reloads[succeeded].Inc()
		p.publish(func(v *view) { v.status.Reloads++ })
	}
	if a.asked {
		p.crashes = crashes{}
	}
	p.enter(contract.Ready, "")
	if old != nil {
		p.retire(old, p.parts.pace.call) // No call lasts longer, so that none is cut off.
	}
	p.dirty = p.dirty || p.behind // What the file wanted may be there by now, and if not that is told again.
	p.conclude(a, nil)
}

// watch has run told when an instance ends by itself.
func (p *plugin) watch(i *instance) {
	p.spawn(func() func() {
		cause := mind(i, p.parts.pace.autopsy)
		return func() { p.crashed(i, cause) }
	})
	p.spawn(func() func() {
		ping(i, p.parts.pace)
		return func() {}
	})
}

// conclude ends an attempt that left the plugin with an instance that serves.
func (p *plugin) conclude(a *attempt, err error) {
	p.end(a)
	p.tell(a, err)
}

// tell answers those who waited for an attempt that ended, and sees to what changed meanwhile.
func (p *plugin) tell(a *attempt, err error) {
	p.answer(a.waiting, err)
	if p.dirty {
		p.changed()
	}
}

// unusable is the end of an attempt whose file cannot be run. To try it again before it changes would be in vain. What
// crashed meanwhile is not lost over it.
func (p *plugin) unusable(a *attempt, err error) {
	switch {
	case p.current != nil:
		p.reloadFailed(a, err)
	case a.fallback != nil && !a.staged && !p.crashes.many(p.parts.pace):
		p.fallBack(a, err)
	default:
		p.lapse(a)
		p.enter(contract.Failed, err.Error())
		p.tell(a, p.broken(err))
	}
}

// fallBack goes on with the copy that served last in place of a file that cannot be run. That is no crash, but it comes
// after one, whose pause it keeps.
func (p *plugin) fallBack(a *attempt, err error) {
	p.log.WithError(err).Warn("plugin's file cannot be used, what served last is started again")
	next, pause := a.next(), p.parts.pace.pauseAt(max(p.crashes.level-afterService, 0))
	p.lapse(a)
	p.postpone(next, pause, fmt.Errorf("it crashed, and its file cannot be used: %w", err))
	p.tell(a, p.broken(err))
}

// lapse ends an attempt that left the plugin without an instance.
func (p *plugin) lapse(a *attempt) {
	p.behind = true
	p.end(a)
	if a.reload {
		p.series.reloads[failed].Inc()
	}
}

// reloadFailed ends a reload; the old instance serves on.
func (p *plugin) reloadFailed(a *attempt, err error) {
	p.behind = true
	p.series.reloads[failed].Inc()
	p.log.WithError(err).Warn("plugin's reload failed, the old one serves on")
	p.enter(contract.Ready, "its last reload failed: "+err.Error())
	if passing(err) {
		p.reloadLater()
	}
	p.conclude(a, p.broken(err))
}

// reloadLater makes a reload that failed for want of something once more.
func (p *plugin) reloadLater() {
	i := p.current
	if p.delayed == i {
		return
	}
	p.delayed = i
	p.spawn(func() func() {
		timer := time.NewTimer(p.parts.pace.maxPause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-i.retired.Done():
		}
		return func() {
			if p.delayed == i {
				p.delayed = nil
			}
			if p.current == i && p.attempt == nil {
				p.reload(false, nil)
			}
		}
	})
}

// stillborn is the end of an attempt whose process did not come up.
func (p *plugin) stillborn(a *attempt, err error) {
	if p.current != nil {
		p.reloadFailed(a, err)
		return
	}
	p.log.WithError(err).Warn("plugin did not come up")
	next := a.next()
	p.lapse(a)
	p.recover(next, afterNoService, err)
	p.tell(a, p.broken(err))
}

// crashed is the end of an instance that nobody asked for.
func (p *plugin) crashed(i *instance, cause error) {
	if p.current != i {
		return // Its time was over anyway.
	}
	served := time.Since(i.ready)
	p.log.WithFields(logrus.Fields{
		"pid": i.PID(), "sha256": short(i.lease.file.SHA256), "served": served.Round(time.Millisecond).String(),
	}).WithError(cause).Warn("plugin crashed")
	if served >= p.parts.pace.settled {
		p.crashes.level = 0
	}
	p.current = nil
	if p.attempt != nil {
		p.succeed(p.attempt, i, cause)
	} else {
		p.recover(&attempt{mending: true, fallback: i.lease.hold(), staged: true}, afterService, cause)
	}
	p.retire(i, 0)
}

// succeed makes a reload whose old instance crashed the start of a fresh one. What the old one ran is kept until it is
// known whether that comes up.
func (p *plugin) succeed(a *attempt, i *instance, cause error) {
	p.crashes.level += afterService
	p.crashes.add(time.Now(), p.parts.pace)
	a.mending, a.fallback = true, i.lease.hold()
	p.enter(contract.Crashed, cause.Error())
	if a.lease == nil {
		a.restart = true
		return
	}
	p.restarted()
	p.enter(contract.Starting, p.trouble())
}

// recover sees to a plugin that has no instance any more: it makes the attempt a after a pause, unless there were too
// many crashes already. What passes is no fault of the plugin, however long it takes.
func (p *plugin) recover(a *attempt, weight int, cause error) {
	pause := p.crashes.pause(weight, p.parts.pace)
	if !passing(cause) && !p.crashes.add(time.Now(), p.parts.pace) {
		p.drop(a.fallback)
		p.enter(contract.Crashed, cause.Error())
		p.enter(contract.Failed, fmt.Sprintf("it crashed %d times within %s, and is left alone until it is started or its "+
			"file changes; the last time: %v", p.parts.pace.crashes, p.parts.pace.window, cause))
		return
	}
	a.restart = true
	p.postpone(a, pause, cause)
}

// postpone makes an attempt the plugin's current one, and goes on with it after a pause.
func (p *plugin) postpone(a *attempt, pause time.Duration, cause error) {
	a.paused = true
	p.try(a)
	p.enter(contract.Crashed, cause.Error())
	if pause == 0 {
		p.resume(a)
		return
	}
	p.publish(func(v *view) { v.retryAt = time.Now().Add(pause) })
	p.enter(contract.Backoff, cause.Error())
	p.spawn(func() func() {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-a.ctx.Done():
		}
		return func() { p.resume(a) }
	})
}

// resume goes on with an attempt after its pause.
func (p *plugin) resume(a *attempt) {
	if p.attempt != a {
		return
	}
	a.paused = false
	if !a.staged {
		p.copy(a)
		return
	}
	a.lease = a.fallback.hold()
	p.launch(a)
}

// restarted counts a start after a crash.
func (p *plugin) restarted() {
	p.series.restarts.Inc()
	p.publish(func(v *view) { v.status.Restarts++ })
}

// retire takes leave of an instance that gets no more calls: it may finish those it has, and is killed.
func (p *plugin) retire(i *instance, patience time.Duration) {
	i.close()
	p.retired[i] = true
	p.spawn(func() func() {
		ctx, cancel := context.WithCancel(p.hurry)
		defer cancel()
		if patience > 0 {
			i.drain(patience, p.parts.pace.drain, p.hurry.Done())
		} else {
			cancel() // There is nobody to take leave of.
		}
		i.Kill(ctx)
		return func() {
			delete(p.retired, i)
			p.drop(i.lease)
		}
	})
}

// drop gives back what was held of a lease, if there is one.
func (p *plugin) drop(l *lease) {
	if l == nil {
		return
	}
	l.holders--
	if l.holders == 0 {
		p.parts.stage.Release(l.file)
	}
}

// hopeless tells whether an error says that a file will never start, and not just now for want of something.
func hopeless(err error) bool { return errors.Is(err, contract.ErrBroken) && !passing(err) }

// passing tells whether an error is that of a moment: something is short, or a volume does not answer.
func passing(err error) bool {
	for _, want := range []error{
		syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY, syscall.ENOSPC, syscall.EDQUOT,
		syscall.EIO,
	} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// broken makes an error of why a plugin cannot be started.
func (p *plugin) broken(err error) error {
	if errors.Is(err, contract.ErrBroken) {
		return fmt.Errorf("plugin %s: %w", p.name.File, err)
	}
	return fmt.Errorf("plugin %s: %w: %w", p.name.File, contract.ErrBroken, err)
}
