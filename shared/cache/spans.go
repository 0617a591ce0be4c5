package cache

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// spans makes a span of each command, nil makes none. It has neither keys nor values, see
// https://opentelemetry.io/docs/specs/semconv/database/redis/. go-redis' own instrumentation would do, but it covers
// clusters and pipelines, and the linker cannot tell that there are none.
type spans struct {
	tracer trace.Tracer
	server []attribute.KeyValue
}

// newSpans makes the spans of calls to the server at u, or none without a provider.
func newSpans(provider trace.TracerProvider, u *url.URL) *spans {
	if provider == nil {
		return nil
	}
	server := []attribute.KeyValue{semconv.DBSystemNameRedis, semconv.ServerAddress(u.Hostname())}
	if port, err := strconv.Atoi(u.Port()); err == nil {
		server = append(server, semconv.ServerPort(port))
	}
	return &spans{tracer: provider.Tracer("github.com/podinfo-targets/podinfo/shared/cache"), server: server}
}

// begin starts the span of a command. Call end with the command's error.
func (s *spans) begin(ctx context.Context, command string) (within context.Context, end func(error)) {
	if s == nil {
		return ctx, func(error) {}
	}
	ctx, span := s.tracer.Start(ctx, command, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(s.server...), trace.WithAttributes(semconv.DBOperationName(command)))
	return ctx, func(err error) {
		if err != nil && !errors.Is(err, ErrNotFound) {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
