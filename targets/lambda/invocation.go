package main

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.opentelemetry.io/otel/trace"
)

// invocation is what Lambda tells about the event that is being answered.
type invocation struct {
	requestID string
	arn       string // under which it was invoked
	xray      tracingHeader
	deadline  time.Time // when Lambda cuts it off
	cold      bool      // whether the process was started for it
}

type invocationKey struct{}

// withInvocation returns ctx, which comes from aws-lambda-go, with the invocation in it.
func withInvocation(ctx context.Context, cold bool) context.Context {
	inv := &invocation{cold: cold}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		inv.requestID, inv.arn = lc.AwsRequestID, lc.InvokedFunctionArn
	}
	if header, ok := ctx.Value("x-amzn-trace-id").(string); ok { // the key that aws-lambda-go documents
		inv.xray = parseTracingHeader(header)
	}
	inv.deadline, _ = ctx.Deadline()
	return context.WithValue(ctx, invocationKey{}, inv)
}

// invocationOf returns the invocation that ctx belongs to, or nil.
func invocationOf(ctx context.Context) *invocation {
	inv, _ := ctx.Value(invocationKey{}).(*invocation)
	return inv
}

// ids yields the names and values that tell this invocation apart in logs and metrics: requestId, which Lambda's own
// lines have too; trace_id, as on every other platform; and xray_trace_id, to look it up in X-Ray.
func (i *invocation) ids(ctx context.Context) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, id := range [...][2]string{
			{"requestId", i.requestID}, {"trace_id", i.traceID(ctx)}, {"xray_trace_id", i.xray.root},
		} {
			if id[1] != "" && !yield(id[0], id[1]) {
				return
			}
		}
	}
}

// traceID returns the id of the trace in W3C's notation: that of the span which is open in ctx, or X-Ray's.
func (i *invocation) traceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return i.xray.traceID
}

// tracingHeader is where the invocation stands in X-Ray's trace: Root=1-5759e988-bd862e3fe1be46a994272793;
// Parent=53995c3f42cd8ad8;Sampled=1. See
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader.
type tracingHeader struct {
	text    string
	root    string // "" if there is none of X-Ray's form
	traceID string // the root in W3C's notation, which has the same digits
	sampled bool
}

func parseTracingHeader(text string) tracingHeader {
	h := tracingHeader{text: text}
	for part := range strings.SplitSeq(text, ";") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "Root":
			h.root, h.traceID = parseRoot(value)
		case "Sampled":
			h.sampled = value == "1"
		}
	}
	return h
}

// unsampledToo tells whether text is the header of the same trace, and like h does not sample it.
func (h tracingHeader) unsampledToo(text string) bool {
	other := parseTracingHeader(text)
	return h.root != "" && h.root == other.root && !h.sampled && !other.sampled
}

// parseRoot returns the root itself and its digits. Callers of the function can send what they like as a root.
func parseRoot(text string) (root, traceID string) {
	version, rest, _ := strings.Cut(text, "-")
	seconds, random, _ := strings.Cut(rest, "-")
	digits := seconds + random
	if _, err := trace.TraceIDFromHex(digits); err != nil || version != "1" || len(seconds) != 8 {
		return "", ""
	}
	return text, digits
}
