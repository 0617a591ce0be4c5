package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlp"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlphttp"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

// patience bounds every wait of these tests. Nothing takes that long unless it is broken.
const patience = 20 * time.Second

// overHTTP returns exporters that send to a collector by HTTP. url has no path.
func overHTTP(url string) telemetry.Exporters {
	exporters, err := otlphttp.Exporters(func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url}[name]
	})
	if err != nil {
		panic(err)
	}
	return exporters
}

// overGRPC returns exporters that send to a collector by gRPC.
func overGRPC(url string) telemetry.Exporters {
	return telemetry.Exporters{
		Traces: func(ctx context.Context) (sdktrace.SpanExporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(url))
		},
		Metrics: func(ctx context.Context, families telemetry.Families) (telemetry.Pusher, error) {
			exporter, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpointURL(url))
			if err != nil {
				return nil, err
			}
			return otlp.Push(exporter, families), nil
		},
		Logs: func(ctx context.Context) (sdklog.Exporter, error) {
			return otlploggrpc.New(ctx, otlploggrpc.WithEndpointURL(url))
		},
	}
}

// newLog returns a logger that writes JSON lines to out.
func newLog(out io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(out)
	log.SetFormatter(&logrus.JSONFormatter{})
	return log
}

// start returns providers that are shut down when the test ends.
func start(t testing.TB, o telemetry.Options) *telemetry.Providers {
	t.Helper()
	if o.ServiceName == "" {
		o.ServiceName = "podinfo-test"
	}
	p, err := telemetry.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { _ = p.Shutdown(bounded(t)) })
	return p
}

// bounded returns a context that outlives the test's own, for what runs in its cleanup.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

// get sends a GET through a handler on a real server and returns the status.
func get(t testing.TB, handler http.Handler, path string, header http.Header) int {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func answer(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

func TestOffCostsNothing(t *testing.T) {
	t.Parallel()
	p, err := telemetry.Start(t.Context(), telemetry.Options{Exporters: telemetry.Exporters{
		Traces: func(context.Context) (sdktrace.SpanExporter, error) {
			return nil, errors.New("an exporter was made though no service name was given")
		},
	}})
	if p != nil || err != nil {
		t.Fatalf("Start without a service name returns %v, %v, want nil, nil", p, err)
	}
	handler := http.NewServeMux()
	if p.Handler("/", handler) != http.Handler(handler) {
		t.Error("Handler wraps though telemetry is off")
	}
	if p.Transport(http.DefaultTransport) != http.DefaultTransport {
		t.Error("Transport wraps though telemetry is off")
	}
	_, span := p.TracerProvider().Tracer("test").Start(t.Context(), "test")
	if span.IsRecording() {
		t.Error("a span is recorded though telemetry is off")
	}
	if fields := p.Propagator().Fields(); len(fields) != 0 {
		t.Errorf("the headers %v are propagated though telemetry is off", fields)
	}
	if err := errors.Join(p.ForceFlush(t.Context()), p.Shutdown(t.Context())); err != nil {
		t.Errorf("ForceFlush and Shutdown return %v though telemetry is off", err)
	}
}

func TestSignalsArriveOnShutdown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		exporters func(*otlpreceiver.Receiver) telemetry.Exporters
	}{
		{"grpc", func(r *otlpreceiver.Receiver) telemetry.Exporters { return overGRPC(r.GRPC()) }},
		{"http", func(r *otlpreceiver.Receiver) telemetry.Exporters { return overHTTP(r.HTTP()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			receiver := otlpreceiver.Start(t)
			metrics := telemetry.NewMetrics()
			log := newLog(io.Discard)
			p := start(t, telemetry.Options{
				ServiceVersion: "1.2.3",
				Attributes:     []attribute.KeyValue{attribute.String("cloud.platform", "test")},
				Exporters:      c.exporters(receiver),
				Metrics:        metrics,
				Log:            log,
			})
			route := metrics.Route("/cache/{key}")
			get(t, p.Handler("/cache/{key}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				log.WithContext(r.Context()).WithField("key", "a").Warn("cache key not found")
				w.WriteHeader(http.StatusNotFound)
				route.Observe(t.Context(), r.Method, http.StatusNotFound, 0.25)
			})), "/cache/a", nil)
			if err := p.Shutdown(bounded(t)); err != nil {
				t.Fatalf("Shutdown: %v", err)
			}
			checkSpan(t, receiver)
			checkRecord(t, receiver)
			checkMetrics(t, receiver)
		})
	}
}

func checkSpan(t *testing.T, receiver *otlpreceiver.Receiver) {
	t.Helper()
	span := receiver.WaitSpan(t, patience, "GET /cache/{key}")
	attributes := otlpreceiver.Attributes(span.GetAttributes())
	for name, want := range map[string]string{
		"http.route":                "/cache/{key}",
		"http.request.method":       "GET",
		"http.response.status_code": "int_value:404",
		"url.path":                  "/cache/a",
	} {
		if attributes[name] != want {
			t.Errorf("the span's %s is %q, want %q", name, attributes[name], want)
		}
	}
	described := otlpreceiver.Attributes(span.Resource.GetAttributes())
	for name, want := range map[string]string{
		"service.name":           "podinfo-test",
		"service.version":        "1.2.3",
		"cloud.platform":         "test",
		"telemetry.sdk.language": "go",
	} {
		if described[name] != want {
			t.Errorf("the resource's %s is %q, want %q", name, described[name], want)
		}
	}
	for _, name := range []string{"host.name", "service.instance.id"} {
		if described[name] == "" {
			t.Errorf("the resource has no %s", name)
		}
	}
}

func checkRecord(t *testing.T, receiver *otlpreceiver.Receiver) {
	t.Helper()
	span := receiver.WaitSpan(t, patience, "GET /cache/{key}")
	record := receiver.WaitRecord(t, patience, "cache key not found")
	if string(record.GetTraceId()) != string(span.GetTraceId()) || string(record.GetSpanId()) != string(span.GetSpanId()) {
		t.Errorf("the log record is of trace %x and span %x, want %x and %x",
			record.GetTraceId(), record.GetSpanId(), span.GetTraceId(), span.GetSpanId())
	}
	if record.GetSeverityNumber() != logs.SeverityNumber_SEVERITY_NUMBER_WARN || record.GetSeverityText() != "warning" {
		t.Errorf("the log record's severity is %v %q, want WARN", record.GetSeverityNumber(), record.GetSeverityText())
	}
	if key := otlpreceiver.Attributes(record.GetAttributes())["key"]; key != "a" {
		t.Errorf("the log record's field key is %q, want %q", key, "a")
	}
}

func checkMetrics(t *testing.T, receiver *otlpreceiver.Receiver) {
	t.Helper()
	total := receiver.WaitMetric(t, patience, "http_requests_total").GetSum()
	if !total.GetIsMonotonic() || len(total.GetDataPoints()) != 1 || total.GetDataPoints()[0].GetAsDouble() != 1 {
		t.Errorf("http_requests_total is %v, want a counter of 1", total)
	}
	histogram := receiver.WaitMetric(t, patience, "http_request_duration_seconds").GetHistogram()
	if len(histogram.GetDataPoints()) != 1 {
		t.Fatalf("http_request_duration_seconds has %d series, want 1", len(histogram.GetDataPoints()))
	}
	point := histogram.GetDataPoints()[0]
	if point.GetSum() != 0.25 || point.GetCount() != 1 || len(point.GetExplicitBounds()) != 11 {
		t.Errorf("http_request_duration_seconds is %v, want one request of 0.25 s in 11 buckets", point)
	}
	labels := otlpreceiver.Attributes(point.GetAttributes())
	if labels["method"] != "GET" || labels["path"] != "cache_key" || labels["status"] != "404" {
		t.Errorf("the labels of http_request_duration_seconds are %v", labels)
	}
	receiver.WaitMetric(t, patience, "go_goroutines")
	for _, metric := range receiver.Metrics() {
		if strings.HasPrefix(metric.GetName(), "http.server.") {
			t.Errorf("requests are counted a second time, as %s", metric.GetName())
		}
	}
}

func TestForceFlushDelivers(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP()), Metrics: telemetry.NewMetrics()})
	get(t, p.Handler("/version", answer(http.StatusOK)), "/version", nil)
	if err := p.ForceFlush(bounded(t)); err != nil {
		t.Fatalf("ForceFlush: %v", err)
	}
	if len(receiver.Spans()) != 1 || len(receiver.Metrics()) == 0 {
		t.Errorf("after ForceFlush the collector has %d spans and %d metrics, want 1 and some",
			len(receiver.Spans()), len(receiver.Metrics()))
	}
}

func TestTwoProvidersShareNothing(t *testing.T) {
	t.Parallel()
	receivers := [2]*otlpreceiver.Receiver{otlpreceiver.Start(t), otlpreceiver.Start(t)}
	var providers [2]*telemetry.Providers
	for i, name := range []string{"one", "other"} {
		providers[i] = start(t, telemetry.Options{ServiceName: name, Exporters: overHTTP(receivers[i].HTTP())})
	}
	get(t, providers[0].Handler("/one", answer(http.StatusOK)), "/", nil)
	get(t, providers[1].Handler("/other", answer(http.StatusOK)), "/", nil)
	for i, name := range []string{"GET /one", "GET /other"} {
		if err := providers[i].Shutdown(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if spans := receivers[i].Spans(); len(spans) != 1 || spans[0].GetName() != name {
			t.Errorf("collector %d has the spans %v, want %s only", i, spans, name)
		}
	}
	if fields := otel.GetTextMapPropagator().Fields(); len(fields) != 0 {
		t.Errorf("the global propagator was set: it has %v", fields)
	}
}

// TestDeadCollector shows that a collector that nobody listens for, and one that takes connections and never answers,
// cost neither the start nor the requests anything, and the stop no more than it is given.
func TestDeadCollector(t *testing.T) {
	t.Parallel()
	for name, exporters := range map[string]func(string) telemetry.Exporters{"grpc": overGRPC, "http": overHTTP} {
		for kind, address := range map[string]func(*testing.T) string{"refused": refused, "silent": silent} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				log := newLog(io.Discard)
				p := start(t, telemetry.Options{
					Exporters: exporters("http://" + address(t)), Metrics: telemetry.NewMetrics(), Log: log,
				})
				handler := p.Handler("/", answer(http.StatusOK))
				const more = 3000 // than the queues hold
				for range more {
					handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
					log.Info("request started")
				}
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				if err := p.Shutdown(ctx); err == nil {
					t.Error("Shutdown returns no error though nothing could be sent")
				}
				if took := time.Since(began); took > patience/2 {
					t.Errorf("a dead collector cost %s", took)
				}
			})
		}
	}
}

// refused returns an address where nobody listens.
func refused(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// silent returns an address that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// safeBuffer collects log lines from several goroutines.
type safeBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestTroubleIsLoggedWhenItBeginsAndEnds(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(collector.Close)
	var out safeBuffer
	exporters := telemetry.Exporters{Traces: overHTTP(collector.URL).Traces}
	log := newLog(&out)
	log.AddHook(flushHook{})
	p := start(t, telemetry.Options{Exporters: exporters, Log: log})
	handler := p.Handler("/", answer(http.StatusOK))
	for i, fails := range []bool{false, true, true, true, false, false} {
		broken.Store(fails)
		get(t, handler, "/", nil)
		err := p.ForceFlush(context.WithValue(bounded(t), flushKey{}, i))
		if failed := err != nil; failed != fails {
			t.Errorf("flush %d returns %v, want an error: %t", i, err, fails)
		}
	}
	text := out.String()
	if !strings.Contains(text, `"flush":1`) || !strings.Contains(text, `"flush":4`) {
		t.Errorf("the lines are not logged with the contexts of the flushes 1 and 4:\n%s", text)
	}
	if n := strings.Count(text, `"telemetry export failed"`); n != 1 {
		t.Errorf("the begin of the trouble is logged %d times, want once:\n%s", n, text)
	}
	if n := strings.Count(text, `"telemetry export works again"`); n != 1 || !strings.Contains(text, `"failures":3`) {
		t.Errorf("the end of the trouble, after 3 failures, is logged %d times, want once:\n%s", n, text)
	}
}

type flushKey struct{}

// flushHook adds to a line the number of the flush that its context is of.
type flushHook struct{}

func (flushHook) Levels() []logrus.Level { return logrus.AllLevels }

func (flushHook) Fire(e *logrus.Entry) error {
	if e.Context != nil {
		e.Data["flush"] = e.Context.Value(flushKey{})
	}
	return nil
}

func TestStartReportsAnExporterThatCannotBeMade(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such thing")
	exporters := overHTTP("http://127.0.0.1:1")
	exporters.Metrics = func(context.Context, telemetry.Families) (telemetry.Pusher, error) { return nil, cause }
	p, err := telemetry.Start(t.Context(), telemetry.Options{
		ServiceName: "test", Exporters: exporters, Metrics: telemetry.NewMetrics(),
	})
	if p != nil || !errors.Is(err, cause) {
		t.Errorf("Start returns %v, %v, want nil and the cause", p, err)
	}
}

func TestNoExporterStillMakesTraces(t *testing.T) {
	t.Parallel()
	p := start(t, telemetry.Options{})
	_, span := p.TracerProvider().Tracer("test").Start(t.Context(), "test")
	if !span.SpanContext().IsValid() {
		t.Error("without an exporter there is no trace id for the log lines")
	}
}

// TestSDKDisabled sets the environment, so it is not parallel.
func TestSDKDisabled(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "TRUE")
	p, err := telemetry.Start(t.Context(), telemetry.Options{ServiceName: "test"})
	if p != nil || err != nil {
		t.Errorf("with OTEL_SDK_DISABLED Start returns %v, %v, want nil, nil", p, err)
	}
}

// TestResourceFromEnvironment sets the environment, so it is not parallel.
func TestResourceFromEnvironment(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod,service.name=other,cloud.platform=mine")
	receiver := otlpreceiver.Start(t)
	p := start(t, telemetry.Options{
		ServiceName: "chosen",
		Attributes:  []attribute.KeyValue{attribute.String("cloud.platform", "detected")},
		Exporters:   overHTTP(receiver.HTTP()),
	})
	get(t, p.Handler("", answer(http.StatusNotFound)), "/", nil)
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	described := otlpreceiver.Attributes(receiver.WaitSpan(t, patience, "GET").Resource.GetAttributes())
	for name, want := range map[string]string{
		"deployment.environment.name": "prod", "service.name": "chosen", "cloud.platform": "mine",
	} {
		if described[name] != want {
			t.Errorf("the resource's %s is %q, want %q", name, described[name], want)
		}
	}
}
