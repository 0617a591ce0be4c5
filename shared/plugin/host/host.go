package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/watch"
)

// Host runs the plugins of one directory. Make one with Open and end it with Close. Its methods may be called
// concurrently.
type Host struct {
	o       Options
	log     *logrus.Logger
	parts   parts
	metrics *metrics
	index   index

	closing, hurry context.Context
	close, rush    context.CancelFunc
	gone           chan *plugin // whose life is over
	running        sync.WaitGroup
	cleanup        func() error
}

var _ contract.Manager = (*Host)(nil)

// Open starts to run the plugins of o.Dir and returns at once: they come up in the background. It fails when the
// directory cannot be read, when no private directories can be made, and when the metrics are registered already.
func Open(o Options) (*Host, error) {
	o = o.withDefaults()
	checksums := noteFile(o.Checksums) // Before they are read first, so that no change of theirs is missed.
	w, err := watch.Open(o.Dir, watch.Options{Poll: o.Poll, Log: o.Log})
	if err != nil {
		return nil, err
	}
	d, err := openDirectories(o)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	h := newHost(o, d.parts(o))
	unregister, err := h.metrics.register(o.Metrics)
	if err != nil {
		return nil, errors.Join(err, w.Close(), d.close())
	}
	h.cleanup = sync.OnceValue(func() error {
		unregister()
		return errors.Join(d.close(), w.Close()) // The watch last, which may wait for a volume that does not answer.
	})
	h.running.Go(func() { h.run(w.Changes()) })
	if o.Checksums != "" {
		h.running.Go(func() { h.follow(checksums) })
	}
	return h, nil
}

// newHost returns a host that does nothing until it runs.
func newHost(o Options, p parts) *Host {
	h := &Host{o: o, log: o.Log, parts: p, gone: make(chan *plugin)}
	h.closing, h.close = context.WithCancel(context.Background())
	h.hurry, h.rush = context.WithCancel(context.Background())
	h.cleanup = func() error { return nil }
	h.metrics = newMetrics(h.index.all)
	return h
}

// Close ends all plugins. They may finish their calls until ctx ends, and are killed then. Nothing of the host is left
// when it returns but what List and Get tell. To call it again does nothing.
//
// It returns three seconds after the end of ctx at the latest, with an error when something has not ended: what reads
// from a volume that does not answer hangs in the kernel, and cannot be made to end. That is left behind then, with the
// metrics and the private directories; it clears up once the volume answers, and another host removes the directories
// when this process has ended before. The plugins' processes are killed even so.
func (h *Host) Close(ctx context.Context) error {
	h.close()
	stop := context.AfterFunc(ctx, h.rush)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- h.end() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(h.parts.pace.end)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return fmt.Errorf("the host of plugins has not ended %s after its time was up: the volume of the plugin directory "+
			"%q may not answer; what waits for it is left behind: %w", h.parts.pace.end, h.o.Dir, ctx.Err())
	}
}

// end waits for the end of all plugins, and clears up after them.
func (h *Host) end() error {
	h.running.Wait()
	h.rush()
	return h.cleanup()
}

// run tells the plugins of the changes to their files, until Close.
func (h *Host) run(changes <-chan watch.Change) {
	for {
		select {
		case c := <-changes:
			h.dispatch(c)
		case p := <-h.gone:
			h.forget(p)
		case <-h.closing.Done():
			return
		}
	}
}

func (h *Host) dispatch(c watch.Change) {
	p := h.index.get(c.Name.File)
	switch {
	case c.Kind == watch.Removed && p != nil:
		if !p.post(func() { p.leave("its file was removed") }) {
			p.returned = false
		}
	case c.Kind == watch.Removed:
	case p == nil:
		h.add(c.Name, c.Path)
	default:
		if !p.post(p.changed) {
			p.returned = true
		}
	}
}

// add begins the life of a plugin.
func (h *Host) add(name contract.Name, source string) {
	p := newPlugin(h, name, source)
	h.index.add(p)
	h.running.Go(func() {
		p.run()
		select {
		case h.gone <- p:
		case <-h.closing.Done():
		}
	})
}

// forget is the end of a plugin whose life is over. Its file may be back already.
func (h *Host) forget(p *plugin) {
	h.index.remove(p)
	h.metrics.forget(p.name.File)
	close(p.dropped)
	if p.returned {
		h.add(p.name, p.source)
	}
}

// List returns all plugins in the order of their names.
func (h *Host) List() []contract.Status {
	plugins := h.index.all()
	list := make([]contract.Status, 0, len(plugins))
	for _, p := range plugins {
		list = append(list, p.status())
	}
	return list
}

// Get returns what there is to tell about a plugin.
func (h *Host) Get(name string) (contract.Status, error) {
	p, err := h.index.find(name)
	if err != nil {
		return contract.Status{}, err
	}
	return p.status(), nil
}

// Encode has the plugin encode value.
func (h *Host) Encode(ctx context.Context, name string, value any) (any, error) {
	return h.call(ctx, encode, name, value)
}

// Decode has the plugin decode value.
func (h *Host) Decode(ctx context.Context, name string, value any) (any, error) {
	return h.call(ctx, decode, name, value)
}

func (h *Host) call(ctx context.Context, m method, name string, value any) (any, error) {
	p, err := h.index.find(name)
	if err != nil {
		return nil, err
	}
	return p.traced(ctx, m, value)
}

// Reload replaces the plugin's process by one of its file as it is now. A plugin that does not run is started.
func (h *Host) Reload(ctx context.Context, name string) (contract.Status, error) {
	return h.order(ctx, name, (*plugin).orderReload)
}

// Kill ends the plugin's process once its calls had a second to finish, and returns when connection, process and socket
// are gone.
func (h *Host) Kill(ctx context.Context, name string) (contract.Status, error) {
	return h.order(ctx, name, (*plugin).orderKill)
}

// Start starts a plugin that does not run, forgets its crashes, and returns once it serves or did not come up. One that
// is being started is merely waited for.
func (h *Host) Start(ctx context.Context, name string) (contract.Status, error) {
	return h.order(ctx, name, (*plugin).orderStart)
}

func (h *Host) order(ctx context.Context, name string, order func(*plugin, reply)) (contract.Status, error) {
	p, err := h.index.find(name)
	if err != nil {
		return contract.Status{}, err
	}
	return p.ask(ctx, func(r reply) { order(p, r) })
}

// Delete kills the plugin, deletes its file and forgets it. In a directory that may not be written to nothing happens
// to either. When the file cannot be deleted for another reason the plugin stays stopped.
func (h *Host) Delete(ctx context.Context, name string) error {
	p, err := h.index.find(name)
	if err != nil {
		return err
	}
	if err := writable(h.o.Dir); err != nil {
		return undeletable(p.name.File, err)
	}
	if _, err := p.ask(ctx, p.orderKill); err != nil {
		return err
	}
	if err := remove(h.o.Dir, p.name.File); err != nil {
		return err
	}
	p.post(func() { p.leave("its file was deleted") })
	limited, cancel := context.WithTimeout(ctx, p.parts.pace.order)
	defer cancel()
	select {
	case <-p.dropped:
		return nil
	case <-h.closing.Done():
		return nil
	case <-limited.Done():
		return p.unobeyed(ctx)
	}
}
