package otel

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/storage/remote"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/promtest"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestCollector runs the real collector with the configuration that is deployed, between real podinfos and stand-ins
// for what it sends to: a receiver of traces, and Prometheus' own code that takes metrics.
func TestCollector(t *testing.T) {
	t.Parallel()
	binary := collectorBinary(t)
	configuration, err := filepath.Abs("../../../deploy/otel/config/collector.yaml")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("the configuration is valid", func(t *testing.T) {
		t.Parallel()
		p := testkit.Exec(t, binary, []string{"validate", "--config=" + configuration}, nil)
		if code := p.Wait(t, patience); code != 0 {
			t.Errorf("otelcol validate exits with %d:\n%s", code, p.Stderr())
		}
	})
	t.Run("all three signals arrive", func(t *testing.T) {
		t.Parallel()
		s := startStack(t, binary, configuration)
		badDay(t, s.frontend)
		t.Run("traces", s.traces)
		t.Run("metrics", s.metrics)
		t.Run("logs", s.logs)
	})
}

// stack is what deploy/otel runs, on this machine.
type stack struct {
	jaeger            *otlpreceiver.Receiver
	prometheus        *promtest.Prometheus
	collector         *testkit.Process
	frontend, backend *testkit.Process
}

func startStack(t *testing.T, binary, configuration string) *stack {
	s := &stack{jaeger: otlpreceiver.Start(t), prometheus: promtest.New(t)}
	metrics := httptest.NewServer(otlpHandler(t, s.prometheus))
	t.Cleanup(metrics.Close)
	ports := s.startCollector(t, metrics.URL, binary, "--config="+configuration)
	// One sends by gRPC and the other by HTTP, which the collector takes side by side.
	s.backend = testkit.StartPodinfo(t, "--otel-service-name=podinfo-backend",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+ports.http, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTEL_METRIC_EXPORT_INTERVAL=500", "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BLRP_SCHEDULE_DELAY=100")
	s.frontend = testkit.StartPodinfo(t, append(withPlugin(t), "--otel-service-name=podinfo-frontend",
		"--backend-url="+s.backend.URL+"/echo", "--cache-server=memory://",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+ports.grpc,
		"OTEL_RESOURCE_ATTRIBUTES=k8s.namespace.name=demo,k8s.pod.name=frontend-1",
		"OTEL_METRIC_EXPORT_INTERVAL=500", "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BLRP_SCHEDULE_DELAY=100")...)
	return s
}

// addresses are where a collector takes OTLP by gRPC and by HTTP, and tells how it is.
type addresses struct{ grpc, http, health string }

// startCollector starts the collector on ports of its own and returns once it is healthy.
func (s *stack) startCollector(t *testing.T, metricsURL, binary string, args ...string) addresses {
	t.Helper()
	free := testkit.FreePorts(t, 3)
	ports := addresses{"127.0.0.1:" + free[0], "127.0.0.1:" + free[1], "127.0.0.1:" + free[2]}
	s.collector = testkit.Exec(t, binary, append(args,
		"--set=receivers.otlp.protocols.grpc.endpoint="+ports.grpc,
		"--set=receivers.otlp.protocols.http.endpoint="+ports.http,
		"--set=extensions.health_check.endpoint="+ports.health,
		"--set=exporters.otlp_http/jaeger.endpoint="+s.jaeger.HTTP(),
		"--set=exporters.otlp_http/prometheus.metrics_endpoint="+metricsURL+"/api/v1/otlp/v1/metrics",
		"--set=service.telemetry.metrics.level=none",
	), nil)
	testkit.Eventually(t, patience, "the collector to be healthy", func() bool {
		select {
		case <-s.collector.Exited():
			t.Fatal("the collector has ended")
		default:
		}
		answer, err := http.Get("http://" + ports.health + "/")
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
	return ports
}

// otlpHandler is Prometheus' receiver of OTLP, with the configuration that is deployed.
func otlpHandler(t *testing.T, p *promtest.Prometheus) http.Handler {
	t.Helper()
	cfg, err := config.LoadFile(prometheusConfig, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	handler := remote.NewOTLPWriteHandler(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), p.DB(),
		func() config.Config { return *cfg }, remote.OTLPOptions{LookbackDelta: 5 * time.Minute})
	mux := http.NewServeMux()
	mux.Handle("/api/v1/otlp/v1/metrics", handler)
	return mux
}

// traces looks for the trace of the echo that the frontend passed to the backend.
func (s *stack) traces(t *testing.T) {
	spans := map[string]otlpreceiver.Span{}
	for _, want := range []struct{ service, kind string }{
		{"podinfo-frontend", "SPAN_KIND_SERVER"},
		{"podinfo-frontend", "SPAN_KIND_CLIENT"},
		{"podinfo-backend", "SPAN_KIND_SERVER"},
	} {
		who := want.service + " " + want.kind
		testkit.Eventually(t, patience, "the span of the echo from "+who, func() bool {
			for _, span := range s.jaeger.Spans() {
				service := otlpreceiver.Attributes(span.Resource.GetAttributes())["service.name"]
				if service == want.service && span.GetKind().String() == want.kind &&
					strings.HasPrefix(span.GetName(), http.MethodPost) && !strings.Contains(span.GetName(), "readyz") {
					spans[who] = span
					return true
				}
			}
			return false
		})
	}
	server, client := spans["podinfo-frontend SPAN_KIND_SERVER"], spans["podinfo-frontend SPAN_KIND_CLIENT"]
	backend := spans["podinfo-backend SPAN_KIND_SERVER"]
	if string(client.GetParentSpanId()) != string(server.GetSpanId()) ||
		string(backend.GetParentSpanId()) != string(client.GetSpanId()) {
		t.Error("the spans of frontend, call and backend are not each other's children")
	}
	if string(server.GetTraceId()) != string(client.GetTraceId()) ||
		string(server.GetTraceId()) != string(backend.GetTraceId()) {
		t.Error("the spans of frontend, call and backend are not in one trace")
	}
}

// metrics looks for the labels that the dashboard and the alerts need, and then asks all that the dashboard asks.
func (s *stack) metrics(t *testing.T) {
	for _, series := range []string{
		`http_requests_total{job="podinfo-frontend",namespace="demo",pod="frontend-1",status="500"}`,
		`http_request_duration_seconds_bucket{job="podinfo-frontend",path="echo",le="0.005"}`,
		`target_info{job="podinfo-frontend",service_version!="",k8s_pod_name="frontend-1"}`,
		// Without Kubernetes the host stands in for the pod.
		`go_info{job="podinfo-backend",pod!="",namespace=""}`,
	} {
		testkit.Eventually(t, patience, series+" to be in Prometheus", func() bool {
			found, err := s.prometheus.Query(t, series, time.Now())
			return err == nil && len(found) == 1
		})
	}
	// A rate needs two samples of every series.
	badDay(t, s.frontend)
	usePlugin(t, s.frontend)
	for _, q := range readDashboard(t).queries() {
		testkit.Eventually(t, patience, q.String()+" to have a value", func() bool {
			found, err := s.prometheus.Query(t, q.expression("podinfo-frontend"), time.Now())
			return err == nil && hasValue(found)
		})
	}
}

func (s *stack) logs(t *testing.T) {
	for _, service := range []string{"podinfo-frontend", "podinfo-backend"} {
		testkit.Eventually(t, patience, "the log of "+service+" in the collector's output", func() bool {
			return contains(s.collector, "service.name="+service)
		})
	}
	testkit.Eventually(t, patience, "the frontend's start in the collector's output", func() bool {
		return contains(s.collector, "Starting podinfo", "version=")
	})
}
