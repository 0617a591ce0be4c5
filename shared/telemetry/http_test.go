package telemetry_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

func TestSpanNames(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP())})
	matched, unmatched := p.Handler("/echo/{rest}", answer(http.StatusOK)), p.Handler("", answer(http.StatusNotFound))
	for _, c := range []struct {
		method  string
		handler http.Handler
	}{{http.MethodPost, matched}, {"BREW", matched}, {http.MethodGet, unmatched}} {
		c.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(c.method, "/echo/1", nil))
	}
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"POST /echo/{rest}", "HTTP /echo/{rest}", "GET"} {
		span := receiver.Spans()[i]
		if span.GetName() != want {
			t.Errorf("span %d is named %q, want %q", i, span.GetName(), want)
		}
		route, has := otlpreceiver.Attributes(span.GetAttributes())["http.route"]
		if wants := strings.HasSuffix(want, "}"); has != wants || (has && route != "/echo/{rest}") {
			t.Errorf("span %d has the http.route %q, want one: %t", i, route, wants)
		}
	}
}

func TestStreamsPassThrough(t *testing.T) {
	t.Parallel()
	p := start(t, telemetry.Options{})
	proceed := make(chan struct{})
	server := httptest.NewServer(p.Handler("/chunked", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			t.Errorf("the write deadline cannot be set: %v", err)
		}
		_, _ = io.WriteString(w, "first\n")
		if err := control.Flush(); err != nil {
			t.Errorf("the response cannot be flushed: %v", err)
		}
		select {
		case <-proceed:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "second\n")
	})))
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(bounded(t), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body := bufio.NewReader(resp.Body)
	if line, err := body.ReadString('\n'); line != "first\n" {
		t.Fatalf("the first part is %q (%v): it was not flushed", line, err)
	}
	close(proceed)
	if line, err := body.ReadString('\n'); line != "second\n" {
		t.Errorf("the second part is %q (%v)", line, err)
	}
}

func TestWebsocketIsUpgradedAndTracedAs101(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP())})
	server := httptest.NewServer(p.Handler("/ws/echo", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		kind, message, err := conn.ReadMessage()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.WriteMessage(kind, message)
	})))
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	conn, resp, err := websocket.DefaultDialer.DialContext(bounded(t), url, nil)
	if err != nil {
		t.Fatalf("the websocket cannot be opened through the tracing: %v", err)
	}
	_ = resp.Body.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, message, err := conn.ReadMessage(); string(message) != "hello" {
		t.Errorf("the websocket echoes %q (%v)", message, err)
	}
	_ = conn.Close()
	// A request for an upgrade that the handler refuses keeps the status that the handler gave.
	get(t, server.Config.Handler, "/ws/echo", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}})
	server.Close()
	var statuses []string
	// The handler of a hijacked connection may end after the server.
	deadline := bounded(t)
	for len(statuses) < 2 && deadline.Err() == nil {
		if err := p.ForceFlush(deadline); err != nil {
			t.Fatal(err)
		}
		statuses = nil
		for _, span := range receiver.Spans() {
			statuses = append(statuses, otlpreceiver.Attributes(span.GetAttributes())["http.response.status_code"])
		}
	}
	if got := strings.Join(statuses, " "); got != "int_value:101 int_value:400" && got != "int_value:400 int_value:101" {
		t.Errorf("the upgraded and the refused request are traced with the statuses %s, want 101 and 400", got)
	}
}

// TestTransportHidesSecretsOfURLs calls a backend by a URL with a password and a token in it.
func TestTransportHidesSecretsOfURLs(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP())})
	url, headers := backend(t)
	callThrough(t, p, strings.Replace(url, "//", "//user:secret@", 1)+"/a%2Fb?token=secret", nil)
	<-headers
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	span := receiver.WaitSpan(t, patience, "POST")
	if got := otlpreceiver.Attributes(span.GetAttributes())["url.full"]; got != url+"/a%2Fb" {
		t.Errorf("the span's url.full is %q, want %q", got, url+"/a%2Fb")
	}
	if strings.Contains(span.String(), "secret") {
		t.Errorf("the span holds the secret: %s", span)
	}
}

// TestTransportTellsOfTheAnswer reads a refusal, and calls where nobody answers.
func TestTransportTellsOfTheAnswer(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	p := start(t, telemetry.Options{Exporters: telemetry.Exporters{
		Traces: func(context.Context) (sdktrace.SpanExporter, error) { return kept{exporter}, nil },
	}})
	server := httptest.NewServer(answer(http.StatusNotFound))
	t.Cleanup(server.Close)
	client := http.Client{Transport: p.Transport(nil)}
	for _, url := range []string{server.URL, "http://" + refused(t)} {
		req, err := http.NewRequestWithContext(t.Context(), "BREW", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	spans := exporter.GetSpans()
	if len(spans) != 2 {
		t.Fatalf("there are %d spans, want one a request", len(spans))
	}
	for i, want := range []string{"404", "*net.OpError"} {
		var got attribute.Value
		for _, a := range spans[i].Attributes {
			if a.Key == "error.type" {
				got = a.Value
			}
		}
		if spans[i].Name != "HTTP" || spans[i].Status.Code != codes.Error || got.AsString() != want {
			t.Errorf("span %d is %q with status %v and error.type %q, want HTTP, an error and %q", i, spans[i].Name,
				spans[i].Status, got.AsString(), want)
		}
	}
}

// TestTransportNamesTheServer calls URLs with and without a port, of which a client's span must have one.
func TestTransportNamesTheServer(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	p := start(t, telemetry.Options{Exporters: telemetry.Exporters{
		Traces: func(context.Context) (sdktrace.SpanExporter, error) { return kept{exporter}, nil },
	}})
	transport := p.Transport(unreachable{})
	calls := []struct {
		method, url, address string
		port                 int64
	}{
		{http.MethodPost, "http://backend/echo", "backend", 80},
		{http.MethodPost, "https://backend", "backend", 443},
		{http.MethodPost, "https://[::1]:8443", "::1", 8443},
		{"BREW", "http://[::1]", "::1", 80},
	}
	for _, c := range calls {
		if resp, err := transport.RoundTrip(httptest.NewRequest(c.method, c.url, nil)); err == nil {
			_ = resp.Body.Close()
		}
	}
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	spans := exporter.GetSpans()
	if len(spans) != len(calls) {
		t.Fatalf("there are %d spans, want one a call", len(spans))
	}
	for i, span := range spans {
		got, c := attribute.NewSet(span.Attributes...), calls[i]
		address, _ := got.Value("server.address")
		port, _ := got.Value("server.port")
		if address.AsString() != c.address || port.AsInt64() != c.port {
			t.Errorf("%s: the server is %q with port %d", c.url, address.AsString(), port.AsInt64())
		}
		method, _ := got.Value("http.request.method")
		original, odd := got.Value("http.request.method_original")
		if odd != (method.AsString() == "_OTHER") || odd && original.AsString() != c.method {
			t.Errorf("%s: the method is %q, originally %q", c.method, method.AsString(), original.AsString())
		}
	}
}

// TestServerSpanSaysNoMoreThanItKnows serves a request without a port and without a user agent.
func TestServerSpanSaysNoMoreThanItKnows(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	p := start(t, telemetry.Options{Exporters: telemetry.Exporters{
		Traces: func(context.Context) (sdktrace.SpanExporter, error) { return kept{exporter}, nil },
	}})
	request := httptest.NewRequest(http.MethodGet, "http://[::1]/", nil)
	p.Handler("/", answer(http.StatusOK)).ServeHTTP(httptest.NewRecorder(), request)
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	got := attribute.NewSet(exporter.GetSpans()[0].Attributes...)
	if address, _ := got.Value("server.address"); address.AsString() != "::1" {
		t.Errorf("server.address is %q, want ::1", address.AsString())
	}
	for _, name := range []attribute.Key{"server.port", "user_agent.original", "http.request.method_original"} {
		if value, ok := got.Value(name); ok {
			t.Errorf("%s is %q, want none", name, value.String())
		}
	}
}

func TestServerSpanTellsOfAnswersCutOff(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	p := start(t, telemetry.Options{Exporters: telemetry.Exporters{
		Traces: func(context.Context) (sdktrace.SpanExporter, error) { return kept{exporter}, nil },
	}})
	server := httptest.NewServer(p.Handler("/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		panic(http.ErrAbortHandler)
	})))
	req, err := http.NewRequestWithContext(bounded(t), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := server.Client().Do(req); err == nil {
		_ = resp.Body.Close()
	}
	server.Close()
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	span := exporter.GetSpans()[0]
	got := attribute.NewSet(span.Attributes...)
	if kind, _ := got.Value("error.type"); span.Status.Code != codes.Error || kind.AsString() != "aborted" {
		t.Errorf("the span has the status %v and error.type %q, want an error and aborted", span.Status, kind.AsString())
	}
}

// unreachable is a transport that reaches nobody.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// kept keeps the spans when it is shut down.
type kept struct{ *tracetest.InMemoryExporter }

func (kept) Shutdown(context.Context) error { return nil }

func TestTransportClosesIdleConnections(t *testing.T) {
	t.Parallel()
	p := start(t, telemetry.Options{})
	base := &closer{RoundTripper: http.DefaultTransport}
	(&http.Client{Transport: p.Transport(base)}).CloseIdleConnections()
	if !base.closed {
		t.Error("http.Client.CloseIdleConnections does not reach the transport beneath the tracing")
	}
}

type closer struct {
	http.RoundTripper
	closed bool
}

func (c *closer) CloseIdleConnections() { c.closed = true }

// BenchmarkHandler shows what tracing costs a request: nothing when off.
func BenchmarkHandler(b *testing.B) {
	on := func(ctx context.Context) (sdktrace.SpanExporter, error) {
		return tracetest.NewNoopExporter(), ctx.Err()
	}
	for _, c := range []struct {
		name string
		p    *telemetry.Providers
	}{
		{"off", nil},
		{"on", start(b, telemetry.Options{Exporters: telemetry.Exporters{Traces: on}})},
	} {
		b.Run(c.name, func(b *testing.B) {
			handler := c.p.Handler("/version", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			request := httptest.NewRequest(http.MethodGet, "/version", nil)
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(w, request)
			}
		})
	}
}

func TestServerSpanSaysWhatHappened(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP())})
	request := httptest.NewRequest(http.MethodGet, "http://pod.example:9898/cache/a?token=secret", nil)
	request.Header.Set("User-Agent", "probe/1")
	p.Handler("/cache/{key}", answer(http.StatusBadGateway)).ServeHTTP(httptest.NewRecorder(), request)
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	span := receiver.Spans()[0]
	got := otlpreceiver.Attributes(span.GetAttributes())
	for name, want := range map[string]string{
		"http.request.method":       "GET",
		"http.response.status_code": "int_value:502",
		"http.route":                "/cache/{key}",
		"error.type":                "502",
		"network.protocol.version":  "1.1",
		"server.address":            "pod.example",
		"server.port":               "int_value:9898",
		"url.path":                  "/cache/a",
		"url.scheme":                "http",
		"user_agent.original":       "probe/1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if strings.Contains(span.String(), "secret") {
		t.Error("the span shows the query, which may hold secrets")
	}
	if span.GetStatus().GetCode().String() != "STATUS_CODE_ERROR" {
		t.Errorf("the span's status is %s, though the server failed", span.GetStatus().GetCode())
	}
}
