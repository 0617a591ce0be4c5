package queueproxy

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/platform/queueproxy/internal/wire"
)

// poll is how often is looked whether a process has exited.
const poll = 5 * time.Millisecond

// SignalApp sends a signal to the app. One that has ended gets it as well, without effect.
func (p *Pod) SignalApp(s syscall.Signal) error { return p.signal(app, s) }

// SignalProxy sends a signal to queue-proxy.
func (p *Pod) SignalProxy(s syscall.Signal) error { return p.signal(proxy, s) }

func (p *Pod) signal(process string, s syscall.Signal) error {
	return p.order(wire.Signal{Process: process, Number: int(s)})
}

// AppExit waits for the app to exit and returns its exit code, -1 if a signal ended it.
func (p *Pod) AppExit(ctx context.Context) (int, error) { return p.exit(ctx, app) }

// ProxyExit waits for queue-proxy to exit and returns its exit code, -1 if a signal ended it.
func (p *Pod) ProxyExit(ctx context.Context) (int, error) { return p.exit(ctx, proxy) }

func (p *Pod) exit(ctx context.Context, process string) (int, error) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if code, exited := p.code(process); exited {
			return code, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Stdout returns what the app has written to its standard output so far.
func (p *Pod) Stdout() string { return p.output(app + ".stdout") }

// Stderr returns what the app has written to its standard error so far.
func (p *Pod) Stderr() string { return p.output(app + ".stderr") }

// ProxyLog returns what queue-proxy has written so far.
func (p *Pod) ProxyLog() string { return p.output(proxy+".stdout") + p.output(proxy+".stderr") }

func (p *Pod) output(name string) string {
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// end stops the app, without queue-proxy, which would take half a minute to leave, and then all that is left.
func (p *Pod) end(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	_ = p.SignalProxy(syscall.SIGKILL) // Where this fails the pod has ended.
	_ = p.SignalApp(syscall.SIGTERM)
	if p.alive() {
		if _, err := p.AppExit(ctx); err != nil {
			t.Errorf("the app did not stop within %s of SIGTERM and was killed", stopTimeout)
		}
	}
	_ = p.orders.Close()
	<-p.ended
	if strings.Contains(p.Stderr(), "WARNING: DATA RACE") {
		t.Error("the app has a data race, see its stderr")
	}
	if t.Failed() {
		t.Logf("app:\n%s%squeue-proxy:\n%s", p.Stdout(), p.Stderr(), p.ProxyLog())
	}
}

// alive tells whether the pod is there to end.
func (p *Pod) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}
