package telemetry

import (
	"bufio"
	"net"
	"net/http"

	"github.com/felixge/httpsnoop"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Handler returns h wrapped in a span per request, named "METHOD route" and with the route as attribute http.route, as
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/ says. route is the route's template, such as
// "/cache/{key}", or empty for requests that matched none. Wrap each route once, when it is registered. On a nil
// Providers it returns h itself.
func (p *Providers) Handler(route string, h http.Handler) http.Handler {
	if p == nil {
		return h
	}
	options := append(p.httpOptions(), otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		if route == "" {
			return spanMethod(r.Method)
		}
		return spanMethod(r.Method) + " " + route
	}))
	if route != "" {
		options = append(options, otelhttp.WithSpanOptions(trace.WithAttributes(semconv.HTTPRoute(route))))
	}
	traced := otelhttp.NewMiddleware(route, options...)
	plain := traced(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			plain.ServeHTTP(w, r)
			return
		}
		traceUpgrade(traced, h, w, r)
	})
}

// traceUpgrade serves a request that may be upgraded, to a websocket for example. The handler then takes the connection
// over and writes the status 101 itself, where otelhttp cannot see it and would report 200; so it is told the status,
// and the connection, which is no longer the response writer's, is spared it.
func traceUpgrade(traced func(http.Handler) http.Handler, h http.Handler, w http.ResponseWriter, r *http.Request) {
	upgraded := false
	spared := httpsnoop.Wrap(w, httpsnoop.Hooks{
		WriteHeader: func(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) {
				if !upgraded {
					next(status)
				}
			}
		},
	})
	telling := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(httpsnoop.Wrap(w, httpsnoop.Hooks{
			Hijack: func(next httpsnoop.HijackFunc) httpsnoop.HijackFunc {
				return func() (net.Conn, *bufio.ReadWriter, error) {
					conn, buffers, err := next()
					if err == nil {
						upgraded = true
						w.WriteHeader(http.StatusSwitchingProtocols)
					}
					return conn, buffers, err
				}
			},
		}), r)
	})
	traced(telling).ServeHTTP(spared, r)
}

// Transport returns base wrapped in a span per request, whose headers carry the trace on. Nil stands for
// http.DefaultTransport. On a nil Providers it returns base itself.
func (p *Providers) Transport(base http.RoundTripper) http.RoundTripper {
	if p == nil {
		return base
	}
	options := append(p.httpOptions(), otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		return spanMethod(r.Method)
	}))
	return transport{otelhttp.NewTransport(base, options...), base}
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
