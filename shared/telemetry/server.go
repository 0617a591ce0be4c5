package telemetry

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope names the instrumentation of the spans that Handler makes.
const scope = "github.com/podinfo-targets/podinfo/shared/telemetry"

// Handler returns h wrapped in a span per request, named "METHOD route" and with the attributes that
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server asks for, but for the query, which may hold
// secrets. route is the route's template, such as "/cache/{key}", or empty for requests that matched none. Wrap each
// route once, when it is registered. On a nil Providers it returns h itself.
//
// otelhttp would do the same, but with it come wrappers for every set of interfaces that a response writer may have:
// 1.6 MB of program. Here http.ResponseController reaches what is wrapped.
func (p *Providers) Handler(route string, h http.Handler) http.Handler {
	if p == nil {
		return h
	}
	return &tracedHandler{
		next: h, route: route, tracer: p.tracing.Tracer(scope), propagator: p.propagator,
	}
}

type tracedHandler struct {
	next       http.Handler
	route      string
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// ServeHTTP serves the request under a span that continues the caller's trace.
func (t *tracedHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := t.propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := t.tracer.Start(ctx, t.name(r), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(t.attributes(r)...))
	answer := &tracedWriter{ResponseWriter: w, status: http.StatusOK}
	defer answer.end(span)
	t.next.ServeHTTP(answer, r.WithContext(ctx))
	answer.whole = true
}

func (t *tracedHandler) name(r *http.Request) string {
	if t.route == "" {
		return spanMethod(r.Method)
	}
	return spanMethod(r.Method) + " " + t.route
}

func (t *tracedHandler) attributes(r *http.Request) []attribute.KeyValue {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	attributes := appendMethod([]attribute.KeyValue{
		semconv.NetworkProtocolVersion(protocolVersion(r)),
		semconv.URLPath(r.URL.Path),
		semconv.URLScheme(scheme),
	}, r.Method)
	if agent := r.UserAgent(); agent != "" {
		attributes = append(attributes, semconv.UserAgentOriginal(agent))
	}
	if t.route != "" {
		attributes = append(attributes, semconv.HTTPRoute(t.route))
	}
	attributes = appendAddress(attributes, r.Host, semconv.ServerAddress, semconv.ServerPort)
	attributes = appendAddress(attributes, r.RemoteAddr, semconv.NetworkPeerAddress, semconv.NetworkPeerPort)
	return append(attributes, attributesOf(r.Context())...)
}

// appendMethod adds the method as the conventions want it: one that is not known is "_OTHER", and original beside that.
func appendMethod(to []attribute.KeyValue, method string) []attribute.KeyValue {
	_, label := methodLabel(method)
	if label == otherMethod {
		return append(to, semconv.HTTPRequestMethodOther, semconv.HTTPRequestMethodOriginal(method))
	}
	return append(to, semconv.HTTPRequestMethodKey.String(label))
}

// protocolVersion is the version as the conventions write it: 1.1, but 2.
func protocolVersion(r *http.Request) string {
	if r.ProtoMajor > 1 {
		return strconv.Itoa(r.ProtoMajor)
	}
	return fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)
}

// appendAddress adds a host, without the brackets of IPv6, and, if there is one, its port.
func appendAddress(
	to []attribute.KeyValue, address string, host func(string) attribute.KeyValue, port func(int) attribute.KeyValue,
) []attribute.KeyValue {
	name, number, err := net.SplitHostPort(address)
	if err != nil {
		if address == "" {
			return to
		}
		return append(to, host(strings.Trim(address, "[]")))
	}
	to = append(to, host(name))
	if n, err := strconv.Atoi(number); err == nil {
		to = append(to, port(n))
	}
	return to
}

// tracedWriter notes the status of an answer.
type tracedWriter struct {
	http.ResponseWriter
	status  int
	written bool
	whole   bool // the handler returned: it did not panic to cut the answer off
}

// WriteHeader notes the first final status.
func (w *tracedWriter) WriteHeader(status int) {
	if !w.written && status >= http.StatusOK {
		w.written, w.status = true, status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Hijack hands the connection over, as for a websocket, whose handshake then says 101.
func (w *tracedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buffers, err
}

// Unwrap lets http.ResponseController reach the writer beneath.
func (w *tracedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// end finishes the span with the status. Only the server's own failures are errors of a server's span.
func (w *tracedWriter) end(span trace.Span) {
	span.SetAttributes(semconv.HTTPResponseStatusCode(w.status))
	switch {
	case w.status >= http.StatusInternalServerError:
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(w.status)))
	case !w.whole:
		span.SetStatus(codes.Error, "the answer was cut off")
		span.SetAttributes(semconv.ErrorTypeKey.String("aborted"))
	}
	span.End()
}
