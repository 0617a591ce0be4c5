package telemetry

import (
	"io"
	"net/http"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Transport returns base wrapped in a span per request, whose headers carry the trace on. The span ends with the
// answer's body. It has the attributes that
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client asks for, but the URL without its query and
// user, which may hold secrets. Nil stands for http.DefaultTransport. On a nil Providers it returns base itself.
func (p *Providers) Transport(base http.RoundTripper) http.RoundTripper {
	if p == nil {
		return base
	}
	if base == nil {
		base = http.DefaultTransport
	}
	return &tracedTransport{base: base, tracer: p.tracing.Tracer(scope), propagator: p.propagator}
}

// spanMethod returns the method as it may stand in a span's name: "HTTP" for one that is not known, so that clients
// cannot make up names.
func spanMethod(method string) string {
	_, label := methodLabel(method)
	if label == otherMethod {
		return "HTTP"
	}
	return label
}

type tracedTransport struct {
	base       http.RoundTripper
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// RoundTrip makes the request.
func (t *tracedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(r.Context(), spanMethod(r.Method), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(clientAttributes(r)...))
	r = r.Clone(ctx) // A RoundTripper must not change the request that it was given.
	t.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, err.Error())
		span.End()
		return nil, err
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(answer.StatusCode))
	if answer.StatusCode >= http.StatusBadRequest {
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(answer.StatusCode)))
		span.SetStatus(codes.Error, "")
	}
	answer.Body = &tracedBody{answer.Body, span}
	return answer, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the connections beneath, if there are any.
func (t *tracedTransport) CloseIdleConnections() {
	if closer, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func clientAttributes(r *http.Request) []attribute.KeyValue {
	shown := url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: r.URL.Path, RawPath: r.URL.RawPath}
	return appendMethod([]attribute.KeyValue{
		semconv.URLFull(shown.String()), semconv.ServerAddress(r.URL.Hostname()), semconv.ServerPort(portOf(r.URL)),
	}, r.Method)
}

// portOf returns the port of a URL, that of its scheme where it names none.
func portOf(u *url.URL) int {
	if port, err := strconv.Atoi(u.Port()); err == nil {
		return port
	}
	if u.Scheme == "https" {
		return 443
	}
	return 80
}

// tracedBody ends the span with the body.
type tracedBody struct {
	io.ReadCloser
	span trace.Span
}

func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil { // io.EOF as a rule
		b.span.End()
	}
	return n, err
}

// Close may follow the end of the body: only the first End of a span counts.
func (b *tracedBody) Close() error {
	b.span.End()
	return b.ReadCloser.Close()
}
