package main

import (
	"context"
	"maps"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.opentelemetry.io/otel/trace"
)

// An invocation as Lambda's documents show it.
const (
	requestID   = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	arn         = "arn:aws:lambda:us-east-2:123456789012:function:podinfo"
	xrayHeader  = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
	xrayTraceID = "1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
	w3cTraceID  = "5bef4de7ad49b0e87f6ef6c87fc2e700"
)

// invoked returns a context as aws-lambda-go makes it.
func invoked(t *testing.T, header string) context.Context {
	t.Helper()
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{
		AwsRequestID: requestID, InvokedFunctionArn: arn,
	})
	return context.WithValue(ctx, "x-amzn-trace-id", header) //nolint:revive,staticcheck // aws-lambda-go's own key
}

func TestIDs(t *testing.T) {
	t.Parallel()
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 2}})
	ctx := withInvocation(invoked(t, xrayHeader), false)
	for name, test := range map[string]struct {
		ctx  context.Context
		want map[string]string
	}{
		"without a span": {ctx, map[string]string{
			"requestId": requestID, "trace_id": w3cTraceID, "xray_trace_id": xrayTraceID}},
		"within a span": {trace.ContextWithSpanContext(ctx, span), map[string]string{
			"requestId": requestID, "trace_id": "00000000000000000000000000000001", "xray_trace_id": xrayTraceID}},
		"without X-Ray": {withInvocation(invoked(t, ""), false), map[string]string{"requestId": requestID}},
	} {
		if got := maps.Collect(invocationOf(test.ctx).ids(test.ctx)); !maps.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	if inv := invocationOf(t.Context()); inv != nil {
		t.Errorf("a context of no invocation belongs to %+v", inv)
	}
}

func TestTracingHeader(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		traceID string
		sampled bool
	}{
		xrayHeader: {w3cTraceID, true},
		"Root=" + xrayTraceID + ";Parent=9a9197af755a6419;Sampled=0;Lineage=a87bd80c:0": {w3cTraceID, false},
		"Root=" + xrayTraceID:                      {w3cTraceID, false}, // tracing mode PassThrough
		"Sampled=1; Root=" + xrayTraceID:           {w3cTraceID, true},
		"Root=1-5bef4de7":                          {"", false},
		"Root=1-" + w3cTraceID:                     {"", false},
		"Root=2-5bef4de7-ad49b0e87f6ef6c87fc2e700": {"", false},
		"": {"", false}, ";;=;": {"", false}, "Root": {"", false},
	} {
		if h := parseTracingHeader(text); h.traceID != want.traceID || h.sampled != want.sampled {
			t.Errorf("%q is read as trace %q, sampled %t; want %v", text, h.traceID, h.sampled, want)
		}
	}
}

func FuzzTracingHeader(f *testing.F) {
	f.Add(xrayHeader)
	f.Add("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e70\u00e9;Sampled=1")
	f.Fuzz(func(t *testing.T, text string) {
		h := parseTracingHeader(text)
		if (h.root == "") != (h.traceID == "") {
			t.Errorf("%q: the root is %q, the trace %q", text, h.root, h.traceID)
		}
		if _, err := trace.TraceIDFromHex(h.traceID); h.traceID != "" && err != nil {
			t.Errorf("%q: %q is no trace id: %v", text, h.traceID, err)
		}
	})
}
