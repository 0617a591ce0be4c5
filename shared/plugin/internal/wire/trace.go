package wire

import (
	"context"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
)

// propagator is that of the W3C (https://www.w3.org/TR/trace-context/, https://www.w3.org/TR/baggage/), whatever the
// host uses towards others: a plugin must not depend on how its host is configured.
var propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// traceOf returns the headers for the trace of ctx, nil when it has none.
func traceOf(ctx context.Context) propagation.MapCarrier {
	if !trace.SpanContextFromContext(ctx).IsValid() && baggage.FromContext(ctx).Len() == 0 {
		return nil
	}
	headers := propagation.MapCarrier{}
	propagator.Inject(ctx, headers)
	return headers
}

// withTrace returns ctx with the trace that the headers tell.
func withTrace(ctx context.Context, headers propagation.MapCarrier) context.Context {
	if len(headers) == 0 {
		return ctx
	}
	return propagator.Extract(ctx, headers)
}

// outgoing returns ctx with its trace, and nothing else, in the metadata of calls made with it.
func outgoing(ctx context.Context) context.Context {
	headers := traceOf(ctx)
	if headers == nil {
		return ctx
	}
	return metadata.NewOutgoingContext(ctx, metadata.New(headers))
}

// incoming returns ctx with the trace in the metadata of the call that it belongs to.
func incoming(ctx context.Context) context.Context {
	var headers propagation.MapCarrier
	for _, name := range propagator.Fields() {
		if values := metadata.ValueFromIncomingContext(ctx, name); len(values) > 0 {
			if headers == nil {
				headers = propagation.MapCarrier{}
			}
			headers[name] = values[0]
		}
	}
	return withTrace(ctx, headers)
}
