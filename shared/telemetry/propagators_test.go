package telemetry_test

import (
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
)

func TestEveryFormatIsContinued(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		header http.Header
		trace  string
	}{
		{"tracecontext", http.Header{"Traceparent": {"00-" + traceID + "-" + spanID + "-01"}}, traceID},
		{"b3 single", http.Header{"B3": {traceID + "-" + spanID + "-1"}}, traceID},
		{"b3 multiple", http.Header{
			"X-B3-Traceid": {traceID}, "X-B3-Spanid": {spanID}, "X-B3-Sampled": {"1"}}, traceID},
		{"jaeger", http.Header{"Uber-Trace-Id": {traceID + ":" + spanID + ":0:1"}}, traceID},
		{"ottrace", http.Header{"Ot-Tracer-Traceid": {traceID[16:]}, "Ot-Tracer-Spanid": {spanID},
			"Ot-Tracer-Sampled": {"true"}}, strings.Repeat("0", 16) + traceID[16:]},
		{"xray", http.Header{"X-Amzn-Trace-Id": {
			"Root=1-" + traceID[:8] + "-" + traceID[8:] + ";Parent=" + spanID + ";Sampled=1"}}, traceID},
		{"the standard wins over the half trace id of ottrace", http.Header{
			"Traceparent":       {"00-" + traceID + "-" + spanID + "-01"},
			"Ot-Tracer-Traceid": {traceID[16:]}, "Ot-Tracer-Spanid": {spanID}, "Ot-Tracer-Sampled": {"true"}}, traceID},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			receiver := otlpreceiver.Start(t)
			p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP())})
			get(t, p.Handler("/", answer(http.StatusOK)), "/", c.header)
			if err := p.Shutdown(bounded(t)); err != nil {
				t.Fatal(err)
			}
			span := receiver.WaitSpan(t, patience, "GET /")
			if got := hex.EncodeToString(span.GetTraceId()); got != c.trace {
				t.Errorf("the span is of trace %s, want %s", got, c.trace)
			}
			if got := hex.EncodeToString(span.GetParentSpanId()); got != spanID {
				t.Errorf("the span's parent is %s, want %s", got, spanID)
			}
		})
	}
}

// backend returns the URL of a server and the header of the request it gets.
func backend(t *testing.T) (url string, got <-chan http.Header) {
	t.Helper()
	headers := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header }))
	t.Cleanup(server.Close)
	return server.URL, headers
}

// callThrough serves one GET with header by a traced handler that calls url through a traced transport.
func callThrough(t *testing.T, p *telemetry.Providers, url string, header http.Header) {
	t.Helper()
	base := &http.Transport{}
	client := &http.Client{Transport: p.Transport(base)}
	t.Cleanup(client.CloseIdleConnections)
	status := get(t, p.Handler("/echo", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, strings.NewReader("hello"))
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("the call of the backend failed: %v", err)
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = resp.Body.Close()
	})), "/echo", header)
	if status != http.StatusOK {
		t.Fatalf("the request was answered with %d", status)
	}
}

func TestTransportSendsEveryFormat(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP())})
	url, headers := backend(t)
	callThrough(t, p, url, http.Header{
		"Traceparent": {"00-" + traceID + "-" + spanID + "-01"}, "Baggage": {"user=ann"},
	})
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	server, client := receiver.WaitSpan(t, patience, "GET /echo"), receiver.WaitSpan(t, patience, "POST")
	if string(client.GetParentSpanId()) != string(server.GetSpanId()) {
		t.Error("the client's span is no child of the server's")
	}
	id := hex.EncodeToString(client.GetSpanId())
	header := <-headers
	for name, want := range map[string]string{
		"Traceparent":       "00-" + traceID + "-" + id + "-01",
		"Baggage":           "user=ann",
		"B3":                traceID + "-" + id + "-1",
		"Uber-Trace-Id":     traceID + ":" + id + ":0:1",
		"Ot-Tracer-Traceid": traceID[16:],
		"Ot-Tracer-Spanid":  id,
		"Ot-Baggage-User":   "ann",
		"X-Amzn-Trace-Id":   "Root=1-" + traceID[:8] + "-" + traceID[8:] + ";Parent=" + id + ";Sampled=1",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("the backend gets %s: %q, want %q", name, got, want)
		}
	}
}

// TestHostileBaggageBreaksNoCall sends baggage that, once decoded, is no header value. The format of ottrace would put
// it into one, and net/http would refuse the whole request.
func TestHostileBaggageBreaksNoCall(t *testing.T) {
	t.Parallel()
	p := start(t, telemetry.Options{})
	url, headers := backend(t)
	callThrough(t, p, url, http.Header{"Baggage": {"a=%0d%0aEvil:%20yes,b=%C3%BC,c=fine"}})
	header := <-headers
	if got := header.Get("Ot-Baggage-C"); got != "fine" {
		t.Errorf("harmless baggage arrives as %q, want %q", got, "fine")
	}
	for _, name := range []string{"Evil", "Ot-Baggage-A", "Ot-Baggage-B"} {
		if got, ok := header[name]; ok {
			t.Errorf("hostile baggage arrives as %s: %q", name, got)
		}
	}
}

// TestPropagatorsFromEnvironment sets the environment, so it is not parallel.
func TestPropagatorsFromEnvironment(t *testing.T) {
	for _, c := range []struct {
		list, fields, message string
	}{
		{list: "b3multi", fields: "x-b3-traceid x-b3-spanid x-b3-sampled x-b3-flags"},
		{list: " jaeger, baggage ", fields: "uber-trace-id baggage"},
		{list: "none"},
		{list: "b3,none"},
		{list: "w3c", message: `OTEL_PROPAGATORS="w3c": unknown propagator "w3c"; use none or some of ottrace, xray, ` +
			`jaeger, b3multi, b3, tracecontext, baggage`},
	} {
		t.Run(c.list, func(t *testing.T) {
			t.Setenv("OTEL_PROPAGATORS", c.list)
			p, err := telemetry.Start(t.Context(), telemetry.Options{ServiceName: "test"})
			if c.message != "" {
				if err == nil || err.Error() != c.message {
					t.Errorf("Start returns the error %v, want %s", err, c.message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Shutdown(bounded(t)) })
			for _, field := range strings.Fields(c.fields) {
				if !contains(p.Propagator().Fields(), field) {
					t.Errorf("the headers are %v and lack %s", p.Propagator().Fields(), field)
				}
			}
			if got, want := len(p.Propagator().Fields()), len(strings.Fields(c.fields)); got != want {
				t.Errorf("there are %d headers, want %d: %v", got, want, p.Propagator().Fields())
			}
		})
	}
}

func contains(fields []string, field string) bool {
	for _, f := range fields {
		if strings.EqualFold(f, field) {
			return true
		}
	}
	return false
}

// FuzzHeaders reads made-up headers of every format, and sends on what was read: whatever comes in, the request that
// goes out must be one that net/http sends.
func FuzzHeaders(f *testing.F) {
	f.Add("00-"+traceID+"-"+spanID+"-01", traceID+"-"+spanID+"-1", traceID+":"+spanID+":0:1", "Root=1-0-0", "a=b")
	f.Add("", "d", ":::", "Root;Parent=;", "a=%0d%0a,%=;;p=%00")
	p := start(f, telemetry.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	f.Cleanup(server.Close)
	client := server.Client()
	client.Transport = p.Transport(client.Transport)
	f.Fuzz(func(t *testing.T, traceparent, b3, jaeger, xray, members string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = http.Header{
			"Traceparent": {traceparent}, "B3": {b3}, "Uber-Trace-Id": {jaeger}, "X-Amzn-Trace-Id": {xray},
			"Ot-Tracer-Traceid": {jaeger}, "Ot-Tracer-Spanid": {spanID}, "Ot-Baggage-X": {members}, "Baggage": {members},
		}
		p.Handler("/", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatalf("with the baggage %q a call fails: %v", baggage.FromContext(r.Context()), err)
			}
			_ = resp.Body.Close()
		})).ServeHTTP(httptest.NewRecorder(), r)
	})
}
