package host

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/stage"
)

// benchmarked returns a host whose one plugin answers at once, so that what remains is the host's own work.
func benchmarked(tb testing.TB) *Host {
	o := Options{Metrics: prometheus.NewRegistry()}.withDefaults()
	w := &world{t: tb}
	h := newHost(o, parts{stage: w, launch: w.launch, pace: usual(o.CallTimeout)})
	unregister, err := h.metrics.register(o.Metrics)
	if err != nil {
		tb.Fatal(err)
	}
	name, err := contract.ParseName(fakeName)
	if err != nil {
		tb.Fatal(err)
	}
	p := newPlugin(h, name, fakeName)
	p.current = newInstance(&fakeProcess{w: w, exited: make(chan struct{})}, &lease{file: stage.File{Name: name}})
	p.enter(contract.Ready, "")
	h.index.add(p)
	tb.Cleanup(unregister)
	return h
}

// BenchmarkCall is a call as a request makes it, but for the plugin: it is found by its name, counted in, bounded
// and measured.
func BenchmarkCall(b *testing.B) {
	h := benchmarked(b)
	ctx, cancel := context.WithCancel(b.Context()) // A request's can be canceled.
	defer cancel()
	var value any = make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Encode(ctx, fakeName, value); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCallParallel is BenchmarkCall by as many callers as there are processors.
func BenchmarkCallParallel(b *testing.B) {
	h := benchmarked(b)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var value any = make([]byte, 1024)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := h.Encode(ctx, fakeName, value); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func TestCallAllocatesOnlyItsDeadline(t *testing.T) {
	h := benchmarked(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	deadline := testing.AllocsPerRun(100, func() {
		_, cancel := context.WithTimeout(ctx, defaultCallTimeout)
		cancel()
	})
	call := testing.AllocsPerRun(100, func() {
		if _, err := h.Encode(ctx, fakeName, nil); err != nil {
			t.Fatal(err)
		}
	})
	if call > deadline {
		t.Errorf("a call allocates %.0f times, its deadline alone %.0f times", call, deadline)
	}
}
