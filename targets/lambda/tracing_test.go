package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
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

// recording returns the tracing, and what records a span that it has to send to c.
func recording(t *testing.T, c *collector) (f *tracing, record func()) {
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
	return newTracing(providers), func() {
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
func flushTime(ctx context.Context, f *tracing) time.Duration {
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
		for range flushTries {
			record()
			if took := flushTime(t.Context(), f); took != flushTimeout {
				t.Errorf("one of the first answers waited for %s", took)
			}
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
	newTracing(nil).flush(t.Context())
}

func TestBegin(t *testing.T) {
	t.Parallel()
	on, _ := recording(t, new(collector))
	const event = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=53995c3f42cd8ad8;Sampled=1"
	const unsampled = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"
	const root = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
	const foreign = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
	for name, test := range map[string]struct {
		tracing                 *tracing
		event, invocation, want string
	}{
		"Lambda's segment is the parent":             {on, event, xrayHeader, xrayHeader},
		"also where the event came without a header": {on, "", xrayHeader, xrayHeader},
		"one that is not sampled is no parent":       {on, "", unsampled, ""},
		"and leaves the event's header":              {on, event, unsampled, event},
		"unless that is not sampled either":          {on, unsampled + ";Lineage=1:f8c01797:0", unsampled, root},
		"and is of the same trace":                   {on, foreign, unsampled, foreign},
		"as an invocation without a header does":     {on, event, "", event},
		"without telemetry nothing is changed":       {newTracing(nil), event, xrayHeader, event},
	} {
		ctx := withInvocation(invoked(t, test.invocation), false)
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/version", nil)
		if test.event != "" {
			r.Header.Set("X-Amzn-Trace-Id", test.event)
		}
		if got := test.tracing.begin(ctx, r).Header.Get("X-Amzn-Trace-Id"); got != test.want {
			t.Errorf("%s: the header is %q, want %q", name, got, test.want)
		}
	}
}

func TestAttributesOfAnInvocation(t *testing.T) {
	t.Parallel()
	inv := invocationOf(withInvocation(invoked(t, xrayHeader), true))
	got := attribute.NewSet(inv.attributes()...)
	want := attribute.NewSet(
		attribute.String("faas.trigger", "http"), attribute.String("faas.invocation_id", requestID),
		attribute.Bool("faas.coldstart", true), attribute.String("aws.lambda.invoked_arn", arn),
		attribute.String("cloud.account.id", "123456789012"),
	)
	if !got.Equals(&want) {
		t.Errorf("got %v\nwant %v", got.ToSlice(), want.ToSlice())
	}
}
