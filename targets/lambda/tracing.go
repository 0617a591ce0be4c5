package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

const (
	// flushTimeout bounds what telemetry may add to an answer.
	flushTimeout = time.Second
	// flushReserve is left of an invocation's time for the answer itself.
	flushReserve = 200 * time.Millisecond
	// flushPause is how long nothing is flushed after flushTries in a row that failed, so that a collector that is gone
	// does not cost every request its flushTimeout. What is recorded meanwhile waits in a bounded queue.
	flushPause = 10 * time.Second
	flushTries = 2
)

// tracing ties the telemetry of a request to its invocation. At the end it sends it, before the answer leaves: Lambda
// freezes the process afterwards, for minutes or for good.
type tracing struct {
	providers *telemetry.Providers // nil is none

	mu       sync.Mutex
	failures int       // flushes in a row that failed
	pause    time.Time // until when nothing is flushed
}

// xrayHeaderName is the name of the header that parseTracingHeader reads.
const xrayHeaderName = "X-Amzn-Trace-Id"

func newTracing(providers *telemetry.Providers) *tracing { return &tracing{providers: providers} }

// begin makes the request a part of the trace that X-Ray has of its invocation: the parent is Lambda's own segment,
// where the header that came with the event names the one before it, or none.
//
// An invocation that X-Ray does not sample is left out. Lambda gives such a header to every function whose active
// tracing is off, and function URLs put it into their events as well: taken for a parent it would switch off all
// tracing. Nor does it win over a traceparent header: that caller is known to the collector, and Lambda's segment is so
// in X-Ray alone. Those who send their spans there set OTEL_PROPAGATORS=xray, see
// https://opentelemetry.io/docs/specs/semconv/faas/aws-lambda/.
func (t *tracing) begin(ctx context.Context, r *http.Request) *http.Request {
	inv := invocationOf(ctx)
	if t.providers == nil || inv == nil {
		return r
	}
	switch {
	case inv.xray.sampled:
		r.Header.Set(xrayHeaderName, inv.xray.text)
	case inv.xray.unsampledToo(r.Header.Get(xrayHeaderName)):
		r.Header.Set(xrayHeaderName, "Root="+inv.xray.root)
	}
	return r.WithContext(telemetry.ContextWithAttributes(r.Context(), inv.attributes()...))
}

// attributes describes the invocation on the span of its request, in the words of
// https://opentelemetry.io/docs/specs/semconv/faas/aws-lambda/.
func (i *invocation) attributes() []attribute.KeyValue {
	list := []attribute.KeyValue{
		semconv.FaaSTriggerHTTP, semconv.FaaSInvocationID(i.requestID), semconv.FaaSColdstart(i.cold),
	}
	const account = 4 // of arn:aws:lambda:us-east-2:123456789012:function:podinfo
	if parts := strings.Split(i.arn, ":"); len(parts) > account {
		list = append(list, semconv.AWSLambdaInvokedARN(i.arn), semconv.CloudAccountID(parts[account]))
	}
	return list
}

// flush sends what the invocation of ctx has recorded. Its answer may have taken all the time that it had, so it is not
// ctx that bounds this, but what is left to Lambda's own deadline.
func (t *tracing) flush(ctx context.Context) {
	timeout := flushTimeout
	if inv := invocationOf(ctx); inv != nil && !inv.deadline.IsZero() {
		timeout = min(timeout, time.Until(inv.deadline)-flushReserve)
	}
	if t.providers == nil || timeout <= 0 || t.paused() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	t.flushed(t.providers.ForceFlush(ctx)) // The providers have logged the error.
}

func (t *tracing) paused() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Before(t.pause)
}

// flushed takes note of how a flush went.
func (t *tracing) flushed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.failures = 0
		return
	}
	if t.failures++; t.failures >= flushTries {
		t.pause = time.Now().Add(flushPause)
	}
}
