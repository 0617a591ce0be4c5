package cloudfunctions

import (
	"context"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// cloudTraceHeader is the older of the two headers in which Google's front end names the trace, see
// https://cloud.google.com/trace/docs/trace-context#http-requests.
const cloudTraceHeader = "X-Cloud-Trace-Context"

// withTrace returns ctx with the caller's trace, so that log lines belong to it whether or not spans are recorded. When
// both headers are there the standard traceparent wins, as Google recommends; what the propagators of OpenTelemetry
// find wins over both, when tracing is on.
func withTrace(ctx context.Context, header http.Header) context.Context {
	if header.Get("Traceparent") != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
	}
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	parent := parseCloudTrace(header.Get(cloudTraceHeader))
	if !parent.IsValid() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, parent)
}

// parseCloudTrace reads TRACE_ID/SPAN_ID;o=OPTIONS: 32 hexadecimal digits, a decimal number that is not 0, and 1 if the
// caller records this trace. Without options it does not. What does not look like that gives an invalid span context.
func parseCloudTrace(value string) trace.SpanContext {
	ids, options, _ := strings.Cut(value, ";")
	traceText, spanText, _ := strings.Cut(ids, "/")
	traceID, err := trace.TraceIDFromHex(strings.ToLower(traceText))
	if err != nil {
		return trace.SpanContext{}
	}
	number, err := strconv.ParseUint(spanText, 10, 64)
	if err != nil {
		return trace.SpanContext{}
	}
	var spanID trace.SpanID
	binary.BigEndian.PutUint64(spanID[:], number)
	var flags trace.TraceFlags
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: flags.WithSampled(options == "o=1"), Remote: true,
	})
}
