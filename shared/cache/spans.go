package cache

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
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

// newSpans makes the spans of calls to a database of the server at u, or none without a provider.
func newSpans(provider trace.TracerProvider, u *url.URL, database int) *spans {
	if provider == nil {
		return nil
	}
	server := []attribute.KeyValue{
		semconv.DBSystemNameRedis, semconv.DBNamespace(strconv.Itoa(database)), semconv.ServerAddress(u.Hostname()),
	}
	if port, err := strconv.Atoi(u.Port()); err == nil {
		server = append(server, semconv.ServerPort(port))
	}
	return &spans{tracer: provider.Tracer("github.com/podinfo-targets/podinfo/shared/cache"), server: server}
}

// begin starts the span of a command. Call end with the client's error, redis.Nil for a value that is not there.
func (s *spans) begin(ctx context.Context, command string) (within context.Context, end func(error)) {
	if s == nil {
		return ctx, func(error) {}
	}
	ctx, span := s.tracer.Start(ctx, command, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(s.server...), trace.WithAttributes(semconv.DBOperationName(command)))
	return ctx, func(err error) {
		if err != nil && !errors.Is(err, redis.Nil) {
			fail(span, err)
		}
		span.End()
	}
}

// fail marks the span of a command that failed. Of a server's refusal it tells the first word, such as NOAUTH: the rest
// may repeat the command with its key.
func fail(span trace.Span, err error) {
	refusal, ok := errors.AsType[redis.Error](err)
	if !ok {
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, err.Error())
		return
	}
	code, _, _ := strings.Cut(refusal.Error(), " ")
	span.SetAttributes(semconv.ErrorTypeKey.String(code), semconv.DBResponseStatusCode(code))
	span.SetStatus(codes.Error, code)
}
