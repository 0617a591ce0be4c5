package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/rpc"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/stage"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/watch"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

const fakeName = "protocol-rpc-fake"

// errNoCopy is that of a start without the file.
var errNoCopy = fmt.Errorf("%w: %w", contract.ErrBroken, fs.ErrNotExist)

// world is a host whose files and processes do what a test says.
type world struct {
	t       testing.TB
	host    *Host
	changes chan watch.Change
	logs    *test.Hook

	mu         sync.Mutex
	content    string           // of the file, which stands for its checksum
	unusable   error            // of the file
	stuck      chan struct{}    // until when the volume does not answer; nil is not at all
	stillborn  error            // of the processes
	stillborns map[string]error // of those of some contents
	slow       time.Duration
	taken      bool // the copies that were made so far, by what cleans up
	staged     int  // copies that are not released
	processes  []*fakeProcess
	serve      func(ctx context.Context, p *fakeProcess, value any) (any, error)
}

// newWorld returns a world whose file is not there yet.
func newWorld(t testing.TB) *world {
	log, logs := test.NewNullLogger()
	o := Options{Log: log}.withDefaults()
	w := &world{t: t, changes: make(chan watch.Change), content: "1", logs: logs}
	w.host = newHost(o, parts{stage: w, launch: w.launch, pace: usual(o.CallTimeout)})
	w.host.running.Go(func() { w.host.run(w.changes) })
	return w
}

// Add stages the file as it is when it begins to.
func (w *world) Add(ctx context.Context, _ string, name contract.Name) (stage.File, error) {
	w.mu.Lock()
	stuck, content := w.stuck, w.content
	w.mu.Unlock()
	if stuck != nil {
		<-stuck // whatever ctx says
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(ctx.Err(), w.unusable); err != nil {
		return stage.File{}, err
	}
	w.staged++
	w.taken = false
	return stage.File{Name: name, SHA256: content}, nil
}

// Release takes a copy back.
func (w *world) Release(stage.File) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.staged--
}

func (w *world) launch(ctx context.Context, f stage.File) (process, error) {
	w.mu.Lock()
	slow, stillborn := w.slow, cmp.Or(w.stillborn, w.stillborns[f.SHA256])
	if w.taken {
		stillborn = errNoCopy
	}
	w.mu.Unlock()
	if slow > 0 {
		timer := time.NewTimer(slow)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if stillborn != nil {
		return nil, stillborn
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &fakeProcess{w: w, file: f, pid: 1000 + len(w.processes), exited: make(chan struct{})}
	w.processes = append(w.processes, p)
	return p, nil
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// tell has the watch report the file, and waits until all has been done about it that can be done at once.
func (w *world) tell(kind watch.Kind) {
	w.t.Helper()
	name, err := contract.ParseName(fakeName)
	if err != nil {
		w.t.Fatal(err)
	}
	w.changes <- watch.Change{Kind: kind, Name: name, Path: "/plugins/" + fakeName}
	synctest.Wait()
}

// change gives the file another content.
func (w *world) change(content string) {
	w.t.Helper()
	w.set(func() { w.content = content })
	w.tell(watch.Changed)
}

// wants fails the test unless the plugin is in a state.
func (w *world) wants(state contract.State) contract.Status {
	w.t.Helper()
	synctest.Wait()
	s, err := w.host.Get(fakeName)
	if err != nil || s.State != state {
		w.t.Fatalf("the plugin is %+v, %v; want %s", s, err, state)
	}
	return s
}

// failures returns the number of reloads that failed.
func (w *world) failures() float64 {
	w.t.Helper()
	var m dto.Metric
	if err := w.host.index.get(fakeName).series.reloads[failed].Write(&m); err != nil {
		w.t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// last returns the process that was started last.
func (w *world) last() *fakeProcess {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.processes[len(w.processes)-1]
}

// started returns the number of processes that were ever started.
func (w *world) started() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.processes)
}

// end closes the host, and fails the test when anything is left.
func (w *world) end() {
	w.t.Helper()
	if err := w.host.Close(context.Background()); err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.staged != 0 {
		w.t.Errorf("%d copies are left", w.staged)
	}
	for _, p := range w.processes {
		if !p.gone() || !p.killed {
			w.t.Errorf("process %d is left", p.pid)
		}
	}
}

// fakeProcess is a process that ends when it is told to.
type fakeProcess struct {
	w      *world
	file   stage.File
	pid    int
	exited chan struct{}
	ending sync.Once
	killed bool
	exit   string
	frozen bool // answers no pings
	hangs  bool // does not end in peace
}

// die ends the process by itself.
func (p *fakeProcess) die(how string) {
	p.ending.Do(func() {
		p.exit = how
		close(p.exited)
	})
}

func (p *fakeProcess) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (p *fakeProcess) Client() wire.Client     { return fakeClient{p} }
func (p *fakeProcess) PID() int                { return p.pid }
func (p *fakeProcess) Exited() <-chan struct{} { return p.exited }
func (p *fakeProcess) Exit() string            { return p.exit }
func (p *fakeProcess) Memory() uint64          { return 1 << 20 }

// Ping answers unless the process is frozen.
func (p *fakeProcess) Ping(ctx context.Context) error {
	p.w.mu.Lock()
	frozen := p.frozen
	p.w.mu.Unlock()
	if frozen {
		<-ctx.Done()
	}
	return ctx.Err()
}

// Kill ends the process.
func (p *fakeProcess) Kill(ctx context.Context) {
	p.w.mu.Lock()
	hangs := p.hangs
	p.killed = true
	p.w.mu.Unlock()
	if hangs {
		<-ctx.Done()
	}
	p.die("signal: killed")
}

// Info is the version of the file.
func (p *fakeProcess) Info() contract.Info { return contract.Info{Version: p.file.SHA256} }

// fakeClient is a process as its callers see it.
type fakeClient struct{ p *fakeProcess }

func (c fakeClient) Info(context.Context) (contract.Info, error) { return c.p.Info(), nil }

func (c fakeClient) Encode(ctx context.Context, value any) (any, error) { return c.call(ctx, value) }

func (c fakeClient) Decode(ctx context.Context, value any) (any, error) { return c.call(ctx, value) }

func (c fakeClient) call(ctx context.Context, value any) (any, error) {
	if c.p.gone() {
		return nil, rpc.ErrShutdown
	}
	c.p.w.mu.Lock()
	serve := c.p.w.serve
	c.p.w.mu.Unlock()
	if serve == nil {
		return value, nil
	}
	return serve(ctx, c.p, value)
}

// linger answers after a second, unless the process ends before.
func linger(ctx context.Context, p *fakeProcess, value any) (any, error) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
		return p.pid, nil
	case <-p.exited:
		return nil, rpc.ErrShutdown
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
