package system

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/podinfo-targets/podinfo/rpc/pb/versionpb"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// What a client that traces sends along, and the header that says so (https://www.w3.org/TR/trace-context/).
const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	parentSpan  = "b7ad6b7169203331"
	traceparent = "00-" + traceID + "-" + parentSpan + "-01"
)

// protocols are the ways to a collector, as settings of the server.
func protocols(r *otlpreceiver.Receiver) map[string][]string {
	return map[string][]string{
		"grpc": {"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.GRPC()},
		"http": {"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.HTTP(), "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
	}
}

// TestTraceAcrossProcesses sends a traced request to a frontend, which calls a backend, which writes to Redis, and one
// by gRPC. Nothing is sent by the clock here: what the collector has in the end was flushed when the servers stopped.
func TestTraceAcrossProcesses(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	for name, exporter := range protocols(receiver) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := startShop(t, name, exporter)
			shop.callEcho(t)
			shop.callVersion(t)
			shop.stop(t)

			spans := shop.spans(receiver)
			const server, client = tracepb.Span_SPAN_KIND_SERVER, tracepb.Span_SPAN_KIND_CLIENT
			front := spans.child(t, parentSpan, wanted{service: shop.front, name: "POST /echo", kind: server})
			call := spans.child(t, id(front), wanted{service: shop.front, name: "POST", kind: client, url: shop.cache})
			back := spans.child(t, id(call), wanted{service: shop.back, name: "POST /cache/{key}", kind: server})
			spans.child(t, id(back), wanted{service: shop.back, name: "set", kind: client})
			spans.child(t, parentSpan, wanted{service: shop.front, name: "version.VersionService/Version", kind: server})
			spans.haveNoProbes(t)
			shop.logsCarryTheTrace(t, receiver)
			shop.metricsArrived(t, receiver)
		})
	}
}

// shop is a frontend with a backend that has a cache, all of them traced.
type shop struct {
	front, back       string // the names of the services
	frontend, backend *podinfo
	cache             string // the URL by which the frontend calls the backend's cache
}

func startShop(t *testing.T, name string, exporter []string) *shop {
	t.Helper()
	s := &shop{front: name + "-front", back: name + "-back"}
	redis := testkit.StartRedis(t)
	server := func(service string, settings ...string) *podinfo {
		return start(t, slices.Concat(exporter, settings, []string{
			"--otel-service-name=" + service, "--log-requests", "--level=debug", "OTEL_BSP_SCHEDULE_DELAY=3600000",
			"OTEL_BLRP_SCHEDULE_DELAY=3600000", "OTEL_METRIC_EXPORT_INTERVAL=3600000",
		})...)
	}
	s.backend = server(s.back, "--cache-server=tcp://"+redis.Addr)
	s.cache = s.backend.URL + "/cache/key"
	s.frontend = server(s.front, "--backend-url="+s.cache, "--backend-url="+s.backend.URL+"/headers")
	return s
}

// callEcho sends a traced request and looks at the headers that came through to the backend.
func (s *shop) callEcho(t *testing.T) {
	t.Helper()
	got := s.frontend.send(t, http.MethodPost, "/echo", "value", "Traceparent", traceparent, "Baggage", "tenant=blue")
	if got.status != http.StatusOK {
		t.Fatalf("POST /echo: status %d, %s", got.status, got.body)
	}
	for _, header := range []string{
		`Traceparent\": [\n    \"00-` + traceID, `B3\": [\n    \"` + traceID, `Uber-Trace-Id\": [\n    \"` + traceID,
		`X-Amzn-Trace-Id\": [\n    \"Root=1-0af76519-16cd43dd8448eb211c80319c`,
		`Ot-Tracer-Traceid\": [\n    \"` + traceID[16:], `Baggage\": [\n    \"tenant=blue`,
	} {
		if !strings.Contains(got.body, header) {
			t.Errorf("the backend does not see %s in its headers:\n%s", header, got.body)
		}
	}
	if kept := s.backend.get(t, "/cache/key"); kept.body != "value" {
		t.Errorf("the backend has %d %q in its cache, want the body of the request", kept.status, kept.body)
	}
}

// callVersion makes a traced call by gRPC, and one that is not worth a span.
func (s *shop) callVersion(t *testing.T) {
	t.Helper()
	conn, err := grpc.NewClient(s.frontend.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", traceparent)
	if _, err := versionpb.NewVersionServiceClient(conn).Version(ctx, &versionpb.VersionRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

func (s *shop) stop(t *testing.T) {
	t.Helper()
	for _, p := range []*podinfo{s.frontend, s.backend} {
		if code := p.Stop(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	}
}

// trace is the spans of the one trace.
type trace []otlpreceiver.Span

// spans returns what the collector has of the trace from this shop; there may be others.
func (s *shop) spans(r *otlpreceiver.Receiver) trace {
	return slices.DeleteFunc(r.Spans(), func(span otlpreceiver.Span) bool {
		service := serviceOf(span)
		return hex.EncodeToString(span.GetTraceId()) != traceID || service != s.front && service != s.back
	})
}

func serviceOf(s otlpreceiver.Span) string {
	return otlpreceiver.Attributes(s.Resource.GetAttributes())["service.name"]
}

func id(s otlpreceiver.Span) string { return hex.EncodeToString(s.GetSpanId()) }

// wanted says which span a test looks for. The URL is that of a call, empty for any.
type wanted struct {
	service, name, url string
	kind               tracepb.Span_SpanKind
}

// child returns the span below parent that is wanted, or fails the test.
func (tr trace) child(t *testing.T, parent string, w wanted) otlpreceiver.Span {
	t.Helper()
	i := slices.IndexFunc(tr, func(s otlpreceiver.Span) bool {
		return hex.EncodeToString(s.GetParentSpanId()) == parent && serviceOf(s) == w.service && s.GetName() == w.name &&
			s.GetKind() == w.kind && (w.url == "" || otlpreceiver.Attributes(s.GetAttributes())["url.full"] == w.url)
	})
	if i < 0 {
		t.Fatalf("there is no span %+v below %s in the trace:\n%s", w, parent, tr)
	}
	return tr[i]
}

func (tr trace) haveNoProbes(t *testing.T) {
	t.Helper()
	for _, s := range tr {
		if strings.Contains(s.GetName(), "grpc.health") {
			t.Errorf("a probe has a span: %s", s.GetName())
		}
	}
}

func (tr trace) String() string {
	var text strings.Builder
	for _, s := range tr {
		fmt.Fprintf(&text, "%s below %x: %s %s %q\n", id(s), s.GetParentSpanId(), serviceOf(s), s.GetKind(), s.GetName())
	}
	return text.String()
}

// logsCarryTheTrace looks for the trace's id in the lines that both servers wrote about the request, and in the records
// that they sent.
func (s *shop) logsCarryTheTrace(t *testing.T, r *otlpreceiver.Receiver) {
	t.Helper()
	for _, msg := range []string{"request started", "request finished"} {
		for name, p := range map[string]*podinfo{s.front: s.frontend, s.back: s.backend} {
			if !slices.ContainsFunc(p.logged(msg), func(e entry) bool { return e["trace_id"] == traceID }) {
				t.Errorf("%s has no line %q with the id of the trace", name, msg)
			}
			if !slices.ContainsFunc(r.Records(), func(l otlpreceiver.Record) bool {
				return l.GetBody().GetStringValue() == msg && hex.EncodeToString(l.GetTraceId()) == traceID &&
					len(l.GetSpanId()) > 0 && otlpreceiver.Attributes(l.Resource.GetAttributes())["service.name"] == name
			}) {
				t.Errorf("%s sent no log record %q with the trace", name, msg)
			}
		}
	}
}

// metricsArrived looks for the families that a scrape shows, from both servers.
func (s *shop) metricsArrived(t *testing.T, r *otlpreceiver.Receiver) {
	t.Helper()
	for _, service := range []string{s.front, s.back} {
		for _, family := range []string{"http_request_duration_seconds", "http_requests_total", "go_goroutines"} {
			if !slices.ContainsFunc(r.Metrics(), func(m otlpreceiver.Metric) bool {
				return m.GetName() == family && otlpreceiver.Attributes(m.Resource.GetAttributes())["service.name"] == service
			}) {
				t.Errorf("%s sent no metric %s", service, family)
			}
		}
	}
}

// TestFlushAtTheEnd stops a server that has more spans to send than fit into one message.
func TestFlushAtTheEnd(t *testing.T) {
	t.Parallel()
	const requests = 800
	receiver := otlpreceiver.Start(t)
	p := start(t, append(protocols(receiver)["grpc"], "--otel-service-name=flushed")...)
	for range requests {
		p.get(t, "/version")
	}
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if got := spansNamed(receiver, "GET /version"); got != requests {
		t.Errorf("the collector has %d spans of %d requests", got, requests)
	}
}

func spansNamed(r *otlpreceiver.Receiver, name string) (n int) {
	for _, s := range r.Spans() {
		if s.GetName() == name {
			n++
		}
	}
	return n
}

// TestDeadCollector sends telemetry to collectors that do not take it. Neither the start, nor requests, nor the stop
// wait for them.
func TestDeadCollector(t *testing.T) {
	t.Parallel()
	const (
		timeout = 2 * time.Second
		slack   = 5 * time.Second // for a busy machine; the exporters would wait for ten seconds
	)
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for name, endpoint := range map[string]string{
			"refuses": "http://" + testkit.ClosedAddress(t),
			"hangs":   "http://" + silentListener(t),
		} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				p := start(t, "--otel-service-name=podinfo", "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint,
					"OTEL_EXPORTER_OTLP_PROTOCOL="+protocol, "OTEL_BSP_SCHEDULE_DELAY=10", "--level=debug",
					"--server-shutdown-timeout="+timeout.String())
				if took := time.Since(began); took > slack {
					t.Errorf("the start took %s, want at most %s", took, slack)
				}
				for range 200 {
					began = time.Now()
					p.get(t, "/version")
					if took := time.Since(began); took > timeout {
						t.Fatalf("a request took %s", took)
					}
				}
				began = time.Now()
				if code := p.Stop(t, syscall.SIGTERM); code != 0 {
					t.Errorf("exit code %d, want 0", code)
				}
				if took := time.Since(began); took > timeout+slack {
					t.Errorf("the stop took %s, want at most %s", took, timeout+slack)
				}
			})
		}
	}
}

// silentListener returns an address at which the kernel takes connections and nobody answers.
func silentListener(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// TestTelemetryOff knows a collector but is not told to use it.
func TestTelemetryOff(t *testing.T) {
	t.Parallel()
	for name, off := range map[string][]string{
		"no service name": {"--otel-service-name="},
		"SDK disabled":    {"--otel-service-name=podinfo", "OTEL_SDK_DISABLED=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := otlpreceiver.Start(t)
			backend := start(t)
			p := start(t, slices.Concat(off, protocols(receiver)["grpc"], []string{
				"OTEL_BSP_SCHEDULE_DELAY=1", "OTEL_BLRP_SCHEDULE_DELAY=1", "OTEL_METRIC_EXPORT_INTERVAL=1",
				"--log-requests", "--backend-url=" + backend.URL + "/headers",
			})...)
			got := p.send(t, http.MethodPost, "/echo", "", "Traceparent", traceparent, "X-B3-Traceid", traceID)
			if strings.Contains(got.body, "Traceparent") || !strings.Contains(got.body, "X-B3-Traceid") {
				t.Errorf("the backend sees these headers, want those of B3 passed on and no others:\n%s", got.body)
			}
			if code := p.Stop(t, syscall.SIGTERM); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			if s, m, l := len(receiver.Spans()), len(receiver.Metrics()), len(receiver.Records()); s+m+l > 0 {
				t.Errorf("the collector got %d spans, %d metrics and %d log records, want nothing", s, m, l)
			}
			if finished := p.logged("request finished"); len(finished) == 0 || finished[0]["trace_id"] != nil {
				t.Errorf("the request lines are %v, want them without a trace_id", finished)
			}
		})
	}
}
