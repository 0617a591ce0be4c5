package host_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
)

// TestEverythingAtOnce does to a plugin all that can be done to it, and closes the host in the middle of it. What it
// looks for is what the race detector, the leak detector and the cleanup of open find.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		registry := prometheus.NewRegistry()
		h, dir := serve(t, name, func(o *host.Options) { o.Metrics = registry; o.MaxCalls = 8 })
		first, second := binary(t, "1"), binary(t, "2")
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		var doers sync.WaitGroup
		every := func(pause time.Duration, do func()) {
			doers.Go(func() {
				for ctx.Err() == nil {
					do()
					select {
					case <-time.After(rand.N(pause)):
					case <-ctx.Done():
					}
				}
			})
		}
		for range 4 {
			every(time.Millisecond, func() { known(t, call(h, name)) })
		}
		order := func(do func(context.Context, string) (contract.Status, error)) func() {
			return func() {
				_, err := do(ctx, name)
				known(t, err)
			}
		}
		every(50*time.Millisecond, order(h.Reload))
		every(200*time.Millisecond, order(h.Kill))
		every(50*time.Millisecond, order(h.Start))
		every(500*time.Millisecond, func() { known(t, h.Delete(ctx, name)) })
		every(100*time.Millisecond, func() {
			for _, pid := range pids(h) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		})
		every(100*time.Millisecond, func() { install(t, first, dir, name) })
		every(100*time.Millisecond, func() { install(t, second, dir, name) })
		every(300*time.Millisecond, func() { _ = os.Remove(filepath.Join(dir, name)) })
		every(20*time.Millisecond, func() { _, _ = registry.Gather() })
		<-ctx.Done()
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
		doers.Wait()
	})
}

func call(h *host.Host, name string) error {
	_, err := h.Encode(context.Background(), name, []byte("value"))
	return err
}

// known fails the test unless an error is one that clients are told of.
func known(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if _, ok := errors.AsType[*contract.UnavailableError](err); ok {
		return
	}
	for _, kind := range []error{contract.ErrNotFound, contract.ErrReloading, contract.ErrBusy, contract.ErrDied,
		contract.ErrBroken, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Errorf("an error of no known kind: %v", err)
}
