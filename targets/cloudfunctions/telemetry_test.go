package cloudfunctions_test

import (
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	traceID = "105445aa7843bc8bf206b12000100000"
	cloud   = "X-Cloud-Trace-Context: " + traceID + "/74;o=1"
	parent  = "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)

// traced starts a function that sends its telemetry to url, and by itself only once in an hour: what arrives was
// flushed.
func traced(t *testing.T, url string, settings ...string) *testkit.Process {
	t.Helper()
	return start(t, append(settings, "--otel-service-name=shop", "OTEL_EXPORTER_OTLP_ENDPOINT="+url,
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=3600000", "OTEL_BLRP_SCHEDULE_DELAY=3600000",
		"OTEL_METRIC_EXPORT_INTERVAL=3600000")...)
}

// TestTelemetryLeavesWithTheAnswer: once the client has it, the processor may be gone. Nothing is waited for here.
func TestTelemetryLeavesWithTheAnswer(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	p := traced(t, collector.HTTP(), "--log-requests", "GOOGLE_CLOUD_PROJECT=my-project")
	ask(t, p, "GET", "/version", "", cloud)
	span := collector.WaitSpan(t, time.Millisecond, "GET /version")
	if got := hex.EncodeToString(span.GetTraceId()); got != traceID {
		t.Errorf("the span belongs to the trace %s, want the front end's %s", got, traceID)
	}
	if got := hex.EncodeToString(span.GetParentSpanId()); got != "000000000000004a" {
		t.Errorf("the span's parent is %s, want the front end's", got)
	}
	resource := otlpreceiver.Attributes(span.Resource.GetAttributes())
	for name, want := range map[string]string{
		"service.name": "shop", "faas.name": "podinfo", "faas.version": "podinfo-00001-abc",
		"cloud.provider": "gcp", "cloud.platform": "gcp_cloud_functions", "cloud.account.id": "my-project",
	} {
		if resource[name] != want {
			t.Errorf("the resource has %s=%q, want %q", name, resource[name], want)
		}
	}
	collector.WaitMetric(t, time.Millisecond, "http_request_duration_seconds")
	collector.WaitRecord(t, time.Millisecond, "request finished")
}

func TestStandardTraceHeaderWins(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	p := traced(t, collector.HTTP())
	ask(t, p, "GET", "/version", "", cloud, parent)
	span := collector.WaitSpan(t, patience, "GET /version")
	if got := hex.EncodeToString(span.GetTraceId()); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the span belongs to the trace %s, want that of traceparent", got)
	}
}

// TestFrontEndDecidesWhatIsTraced: it traces few requests, and says so.
func TestFrontEndDecidesWhatIsTraced(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	p := traced(t, collector.HTTP())
	ask(t, p, "GET", "/env", "", strings.Replace(cloud, "o=1", "o=0", 1))
	ask(t, p, "GET", "/version", "", cloud)
	collector.WaitSpan(t, patience, "GET /version")
	for _, span := range collector.Spans() {
		if span.GetName() == "GET /env" {
			t.Error("a request is traced that the front end does not trace")
		}
	}
}

// TestStopSendsWhatIsLeft: what happens after the last answer still gets out.
func TestStopSendsWhatIsLeft(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	p := traced(t, collector.HTTP())
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	collector.WaitRecord(t, time.Millisecond, "Stopping podinfo")
}

// TestDeadCollectorCostsLittle sends requests while the collector takes connections and never answers: the first one
// waits for it, the next ones do not.
func TestDeadCollectorCostsLittle(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := traced(t, "http://"+silent.Addr().String())
	const requests = 20
	begun := time.Now()
	for range requests {
		ask(t, p, "GET", "/version", "")
	}
	if took := time.Since(begun); took > requests*500*time.Millisecond/2 {
		t.Errorf("%d requests took %s while the collector was dead", requests, took)
	}
	begun = time.Now()
	if code := p.Stop(t, syscall.SIGTERM); code != 0 || time.Since(begun) > grace {
		t.Errorf("exit code %d after %s", code, time.Since(begun))
	}
}

// TestLogBelongsToTheTrace also when no telemetry is sent anywhere, which is how most functions run.
func TestLogBelongsToTheTrace(t *testing.T) {
	t.Parallel()
	p := start(t, "--log-requests", "GOOGLE_CLOUD_PROJECT=my-project")
	ask(t, p, "POST", "/echo?a=1", "12345", cloud, "User-Agent: curl/8.0")
	var entry map[string]any
	testkit.Eventually(t, patience, "a line of that trace", func() bool {
		all := lines(t, p)
		i := slices.IndexFunc(all, func(e map[string]any) bool { return e["logging.googleapis.com/trace"] != nil })
		if i >= 0 {
			entry = all[i]
		}
		return i >= 0
	})
	if entry["message"] != "request finished" ||
		entry["logging.googleapis.com/trace"] != "projects/my-project/traces/"+traceID ||
		entry["logging.googleapis.com/spanId"] != "000000000000004a" ||
		entry["logging.googleapis.com/trace_sampled"] != true || entry["severity"] != "INFO" {
		t.Errorf("the line is %v", entry)
	}
	request, _ := entry["httpRequest"].(map[string]any)
	latency, _ := request["latency"].(string)
	if _, err := time.ParseDuration(latency); err != nil || !strings.HasSuffix(latency, "s") {
		t.Errorf("the latency is %q: %v", latency, err)
	}
	delete(request, "latency")
	want := map[string]any{
		"requestMethod": "POST", "requestUrl": "/echo?a=1", "status": 202.0, "responseSize": "5",
		"userAgent": "curl/8.0", "remoteIp": "127.0.0.1", "protocol": "HTTP/1.1",
	}
	for name, value := range want {
		if request[name] != value {
			t.Errorf("httpRequest has %s=%v, want %v", name, request[name], value)
		}
	}
}
