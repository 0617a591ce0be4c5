package telemetry

import (
	"net/http"
	"net/url"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Transport returns base wrapped in a span per request, whose headers carry the trace on. The span shows the URL
// without its query, which may hold secrets. Nil stands for http.DefaultTransport. On a nil Providers it returns base
// itself.
func (p *Providers) Transport(base http.RoundTripper) http.RoundTripper {
	if p == nil {
		return base
	}
	if base == nil {
		base = http.DefaultTransport
	}
	options := append(p.httpOptions(), otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		return spanMethod(r.Method)
	}))
	return transport{otelhttp.NewTransport(withoutQuery{base}, options...), base}
}

// httpOptions returns what handlers and transports have in common. otelhttp's own metrics are off: the Prometheus
// families are the record of HTTP traffic, and they are pushed too.
func (p *Providers) httpOptions() []otelhttp.Option {
	return []otelhttp.Option{
		otelhttp.WithTracerProvider(p.tracing),
		otelhttp.WithMeterProvider(noopmetric.NewMeterProvider()),
		otelhttp.WithPropagators(p.propagator),
	}
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

// withoutQuery writes over the URL in the span that otelhttp has begun.
type withoutQuery struct{ base http.RoundTripper }

// RoundTrip makes the request.
func (t withoutQuery) RoundTrip(r *http.Request) (*http.Response, error) {
	if span := trace.SpanFromContext(r.Context()); span.IsRecording() {
		shown := url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: r.URL.Path, RawPath: r.URL.RawPath}
		span.SetAttributes(semconv.URLFull(shown.String()))
	}
	return t.base.RoundTrip(r)
}

// transport lets http.Client.CloseIdleConnections reach the connections beneath the tracing.
type transport struct {
	http.RoundTripper
	base http.RoundTripper
}

// CloseIdleConnections closes the idle connections of the transport that was wrapped, if it has any.
func (t transport) CloseIdleConnections() {
	if closer, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
