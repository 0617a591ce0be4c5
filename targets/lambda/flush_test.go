package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

// collector is an exporter of spans whose other end may be gone.
type collector struct {
	gone     atomic.Bool
	received atomic.Int64
}

func (c *collector) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if c.gone.Load() {
		<-ctx.Done()
		return errors.New("the collector does not answer")
	}
	c.received.Add(int64(len(spans)))
	return nil
}

func (*collector) Shutdown(context.Context) error { return nil }

// recording returns a flusher, and what records a span that it has to send to c.
func recording(t *testing.T, c *collector) (f *flusher, record func()) {
	t.Helper()
	providers, err := telemetry.Start(t.Context(), telemetry.Options{
		ServiceName: "podinfo",
		Exporters: telemetry.Exporters{Traces: func(context.Context) (sdktrace.SpanExporter, error) {
			return c, nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = providers.Shutdown(ctx)
	})
	return newFlusher(providers), func() {
		_, span := providers.TracerProvider().Tracer("test").Start(t.Context(), "request")
		span.End()
	}
}

func TestFlushSendsWhatWasRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new(collector)
		f, record := recording(t, c)
		for want := range int64(20) {
			record()
			f.flush(t.Context())
			if got := c.received.Load(); got != want+1 {
				t.Fatalf("%d of %d spans have arrived when the answer leaves", got, want+1)
			}
		}
	})
}

// TestFlushSendsAlsoWhenTheRequestsTimeIsOver flushes after a request that was answered 504.
func TestFlushSendsAlsoWhenTheRequestsTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new(collector)
		f, record := recording(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		ctx = withInvocation(ctx, false)
		cancel()
		record()
		f.flush(ctx)
		if c.received.Load() != 1 {
			t.Error("the span did not arrive")
		}
	})
}

// flushTime says how long a flush takes.
func flushTime(ctx context.Context, f *flusher) time.Duration {
	start := time.Now()
	f.flush(ctx)
	return time.Since(start)
}

func TestCollectorThatIsGoneCostsLittle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new(collector)
		c.gone.Store(true)
		f, record := recording(t, c)
		record()
		if took := flushTime(t.Context(), f); took != flushTimeout {
			t.Errorf("the first answer waited for %s", took)
		}
		for range 5 {
			record()
			if took := flushTime(t.Context(), f); took != 0 {
				t.Errorf("a later answer waited for %s", took)
			}
		}
		c.gone.Store(false)
		for range 10 { // An export of the SDK's own may still be waiting for the collector as it was before.
			<-time.After(flushPause)
			record()
			f.flush(t.Context())
		}
		if c.received.Load() == 0 {
			t.Error("the collector is back, but gets nothing")
		}
	})
}

func TestFlushLeavesTimeForTheAnswer(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]time.Duration{
		time.Minute:            flushTimeout,
		700 * time.Millisecond: 700*time.Millisecond - flushReserve,
		flushReserve:           0,
		-time.Second:           0,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := new(collector)
			c.gone.Store(true)
			f, record := recording(t, c)
			ctx, cancel := context.WithTimeout(t.Context(), left)
			defer cancel()
			record()
			if took := flushTime(withInvocation(ctx, false), f); took != want {
				t.Errorf("with %s left the answer waited for %s, want %s", left, took, want)
			}
		})
	}
}

func TestWithoutTelemetryNothingIsFlushed(t *testing.T) {
	t.Parallel()
	newFlusher(nil).flush(t.Context())
}
