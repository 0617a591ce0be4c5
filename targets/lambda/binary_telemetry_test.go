package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/targets/lambda/emf/emftest"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
	standin "github.com/podinfo-targets/podinfo/test/platform/lambda"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// documents reads the metrics that the function has printed, nothing else being there.
func documents(t *testing.T, f *standin.Function) []emftest.Document {
	t.Helper()
	var list []emftest.Document
	for line := range strings.Lines(f.Stdout()) {
		d, err := emftest.Parse([]byte(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, d)
	}
	return list
}

func TestBinaryMetrics(t *testing.T) {
	t.Parallel()
	f := deploy(t, standin.Options{})
	invoked := []standin.Answer{
		invoke(t, f, event("/version")), invoke(t, f, event("/status/404")), invoke(t, f, event("/nowhere")),
	}
	labels := []string{"version 200", "status 404", "unmatched 404"}
	testkit.Eventually(t, patience, "a line of metrics for each request", func() bool {
		return strings.Count(f.Stdout(), "\n") >= len(invoked)
	})
	printed := documents(t, f)
	if len(printed) != len(invoked) {
		t.Fatalf("%d documents for %d requests:\n%s", len(printed), len(invoked), f.Stdout())
	}
	for i, d := range printed {
		took := d.Metrics["http_request_duration_seconds"]
		if got := took.Dimensions["path"] + " " + took.Dimensions["status"]; got != labels[i] {
			t.Errorf("the labels are %s, want %s", got, labels[i])
		}
		if d.Members["requestId"] != invoked[i].RequestID || d.Members["cold_start"] != (i == 0) {
			t.Errorf("the %d. document has the properties %v", i+1, d.Members)
		}
	}
	scrape := string(invoke(t, f, event("/metrics")).Body)
	for _, want := range []string{`path=\"version\",status=\"200\"`, `http_requests_total{status=\"404\"} 2`} {
		if !strings.Contains(scrape, want) {
			t.Errorf("/metrics does not show the same, %s is missing", want)
		}
	}
}

// traced deploys a function that sends its telemetry to a collector.
func traced(t *testing.T, collector string, more ...string) *standin.Function {
	t.Helper()
	return deploy(t, standin.Options{Env: append([]string{
		"PODINFO_OTEL_SERVICE_NAME=podinfo", "OTEL_EXPORTER_OTLP_ENDPOINT=" + collector,
	}, more...)})
}

// TestBinaryTracesArriveBeforeTheAnswer wants every span there, for behind the answer the process is frozen.
func TestBinaryTracesArriveBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	f := traced(t, collector.HTTP(), "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none")
	const requests = 20
	for n := range requests {
		a := invoke(t, f, event("/version"))
		spans := collector.Spans()
		if len(spans) != n+1 {
			t.Fatalf("%d of %d spans have arrived with the answer", len(spans), n+1)
		}
		span := spans[n]
		got := fmt.Sprintf("Root=1-%x-%x;Parent=%x;Sampled=1", span.TraceId[:4], span.TraceId[4:], span.ParentSpanId)
		if got != a.Trace {
			t.Fatalf("the span continues %s, but X-Ray has %s", got, a.Trace)
		}
	}
	first := otlpreceiver.Attributes(collector.Spans()[0].GetAttributes())
	if first["faas.trigger"] != "http" || first["faas.coldstart"] != "bool_value:true" ||
		first["faas.invocation_id"] == "" {
		t.Errorf("the first span has the attributes %v", first)
	}
	resource := otlpreceiver.Attributes(collector.Spans()[0].Resource.GetAttributes())
	for name, want := range map[string]string{
		"service.name": "podinfo", "faas.name": "podinfo", "faas.version": "$LATEST", "cloud.provider": "aws",
		"cloud.platform": "aws_lambda", "cloud.region": standin.Region,
	} {
		if resource[name] != want {
			t.Errorf("the resource's %s is %q, want %q", name, resource[name], want)
		}
	}
}

// TestBinaryPushesMetrics wants those of Prometheus to be there with the answer that they count.
func TestBinaryPushesMetrics(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	f := traced(t, collector.HTTP(), "OTEL_TRACES_EXPORTER=none", "OTEL_LOGS_EXPORTER=none")
	_ = invoke(t, f, event("/version"))
	if !slices.ContainsFunc(collector.Metrics(), func(m otlpreceiver.Metric) bool {
		return m.GetName() == "http_requests_total"
	}) {
		t.Errorf("http_requests_total is not among the %d metrics that have arrived", len(collector.Metrics()))
	}
}

func TestBinaryTraceparentWins(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for propagators, want := range map[string]string{
		"":     "0af7651916cd43dd8448eb211c80319c",
		"xray": "", // X-Ray's own
	} {
		f := traced(t, collector.HTTP(), "OTEL_PROPAGATORS="+propagators)
		a := invoke(t, f, event("/version", "traceparent", parent))
		spans := collector.Spans()
		got := hex.EncodeToString(spans[len(spans)-1].GetTraceId())
		if want == "" {
			want = parseTracingHeader(a.Trace).traceID
		}
		if got != want {
			t.Errorf("OTEL_PROPAGATORS=%s: the trace is %s, want %s", propagators, got, want)
		}
	}
}

// TestBinaryStreamsAreTraced wants the span of a stream to have arrived when its end does.
func TestBinaryStreamsAreTraced(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	f := deploy(t, standin.Options{Shape: standin.FunctionURLStream, Env: []string{
		"PODINFO_OTEL_SERVICE_NAME=podinfo", "OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.HTTP(),
		"PODINFO_LAMBDA_INVOKE_MODE=RESPONSE_STREAM",
	}})
	a := get(t, f, "/chunked/1")
	if a.status != http.StatusOK || len(collector.Spans()) != 1 {
		t.Errorf("answered %d %s, and %d spans have arrived", a.status, a.body, len(collector.Spans()))
	}
}

// TestBinaryWithoutCollector wants answers that are right and not much later, whatever the collector does.
func TestBinaryWithoutCollector(t *testing.T) {
	t.Parallel()
	for name, collector := range map[string]string{"refuses": refusing(t), "is silent": silent(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := traced(t, collector)
			_ = invoke(t, f, `{"source":"serverless-plugin-warmup"}`) // starts it
			var took []time.Duration
			for range 4 {
				a := get(t, f, "/version")
				if a.status != http.StatusOK {
					t.Errorf("answered %d %s", a.status, a.body)
				}
				took = append(took, a.took)
			}
			const slow = time.Second // of a busy machine
			if slices.Max(took) > flushTimeout+slow || slices.Max(took[flushTries:]) > slow {
				t.Errorf("the answers took %v", took)
			}
			waitLogged(t, f, "that spans are lost, and of which request,", func(line map[string]any) bool {
				return line["message"] == "telemetry export failed" && line["signal"] == "traces" && line["requestId"] != nil
			})
		})
	}
}

// refusing returns the URL of a collector that is not there.
func refusing(t *testing.T) string {
	t.Helper()
	return "http://" + testkit.ClosedAddress(t)
}

// silent returns the URL of a collector that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

// TestBinaryTerminates gives Lambda's half second to a function that has still something to send: the collector was
// not there before.
func TestBinaryTerminates(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	var open atomic.Bool
	target, err := url.Parse(collector.HTTP())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !open.Load() {
			w.WriteHeader(http.StatusForbidden) // which the exporters do not try again
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(gate.Close)
	f := traced(t, gate.URL, "GORACE=atexit_sleep_ms=0") // a race-detecting binary sleeps a second before it exits
	for range flushTries {
		_ = invoke(t, f, event("/version"))
	}
	open.Store(true)
	_ = invoke(t, f, event("/api/info"))
	if err := f.Terminate(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if code, err := f.Exit(ctx); code != 0 || err != nil {
		t.Errorf("it ended with %d, %v; -1 is Lambda's SIGKILL", code, err)
	}
	if spans := collector.Spans(); len(spans) != 1 || spans[0].GetName() != "GET /api/info" {
		t.Errorf("what was left to send did not arrive: %v", spans)
	}
}

// TestBinaryLogs wants each line of an invocation to say which one it was, also over OTLP.
func TestBinaryLogs(t *testing.T) {
	t.Parallel()
	collector := otlpreceiver.Start(t)
	f := traced(t, collector.HTTP(), "PODINFO_LOG_REQUESTS=true", "PODINFO_LEVEL=debug",
		"PODINFO_BACKEND_URL=ftp://nowhere")
	invoked := make(map[string]string) // trace by request
	for _, path := range []string{"/version", "/cache/key", "/store/0000000000000000000000000000000000000000", "/echo"} {
		a := invoke(t, f, event(path))
		invoked[a.RequestID] = parseTracingHeader(a.Trace).traceID
	}
	testkit.Eventually(t, patience, "two lines for each request", func() bool {
		return strings.Count(f.Stderr(), `"requestId"`) >= 2*len(invoked)
	})
	for _, line := range logged(t, f) {
		id, _ := line["requestId"].(string)
		if id == "" && strings.Contains(fmt.Sprint(line["message"]), "secret") {
			continue // said at the start
		}
		if invoked[id] == "" || line["trace_id"] != invoked[id] {
			t.Errorf("this line does not say which request it belongs to: %v", line)
		}
	}
	record := collector.WaitRecord(t, patience, "backend call failed")
	id := otlpreceiver.Attributes(record.GetAttributes())["requestId"]
	if invoked[id] != hex.EncodeToString(record.GetTraceId()) {
		t.Errorf("the record belongs to %q, trace %x", id, record.GetTraceId())
	}
}

// TestBinaryLogsTheLibrary wants the lines of aws-lambda-go in the form of ours.
func TestBinaryLogsTheLibrary(t *testing.T) {
	t.Parallel()
	f := deploy(t, standin.Options{})
	_ = invoke(t, f, `[]`)
	for _, line := range logged(t, f) {
		if line["timestamp"] == nil || line["level"] == nil || line["message"] == nil {
			encoded, _ := json.Marshal(line)
			t.Errorf("a line of another form: %s", bytes.TrimSpace(encoded))
		}
	}
}
