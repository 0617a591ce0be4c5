package otlphttp_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prometheusbridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlphttp"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

// The tests of this file send the same through the exporters of the OpenTelemetry project and through ours, and hold
// what arrives against each other.

// at returns the environment in which everything goes to url.
func at(url string) func(string) string {
	return func(name string) string { return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url}[name] }
}

func described() *resource.Resource {
	return resource.NewWithAttributes("https://schema.test", attribute.String("service.name", "test"),
		attribute.Int("n", 1), attribute.Bool("b", true), attribute.Float64("f", .5),
		attribute.StringSlice("list", []string{"a", "b"}), attribute.Int64Slice("ns", []int64{1, 2}),
		attribute.BoolSlice("bs", []bool{true, false}), attribute.Float64Slice("fs", []float64{.5}))
}

func TestMetricsAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	registry := filledRegistry()
	ours, theirs := otlpreceiver.Start(t), otlpreceiver.Start(t)

	push, err := otlphttp.Metrics(at(ours.HTTP()))(t.Context(), telemetry.Families{
		Resource: described(), Gatherer: registry,
		Export: func(ctx context.Context, send func(context.Context) error) {
			if err := send(ctx); err != nil {
				t.Errorf("our export: %v", err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	exporter, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(theirs.HTTP()+"/v1/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	reference := sdkmetric.NewMeterProvider(sdkmetric.WithResource(described()),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(
			prometheusbridge.NewMetricProducer(prometheusbridge.WithGatherer(registry))))))
	for _, p := range []telemetry.Pusher{push, reference} {
		if err := p.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	got, want := ours.Metrics(), theirs.Metrics()
	if len(got) != len(want) || len(want) != 5 {
		t.Fatalf("%d metrics arrived, %d of the reference; want 5", len(got), len(want))
	}
	for i := range want {
		timeless(t, got[i].Metric)
		timeless(t, want[i].Metric)
		if !proto.Equal(got[i].Metric, want[i].Metric) {
			t.Errorf("metric arrived:\n%v\nwant:\n%v", got[i].Metric, want[i].Metric)
		}
		if !proto.Equal(got[i].Resource, want[i].Resource) {
			t.Errorf("resource arrived:\n%v\nwant:\n%v", got[i].Resource, want[i].Resource)
		}
	}
}

// filledRegistry has a family of each kind.
func filledRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "a_counter", Help: "Help."}, []string{"x", "a"})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "b_gauge"})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "c_histogram", Buckets: []float64{1, 2, 5}})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "d_summary", Objectives: map[float64]float64{.5: .1}})
	untyped := prometheus.NewUntypedFunc(prometheus.UntypedOpts{Name: "e_untyped"}, func() float64 { return 7 })
	registry.MustRegister(counter, gauge, histogram, summary, untyped)
	counter.WithLabelValues("one", "1").Add(3)
	counter.WithLabelValues("two", "2").Add(4)
	gauge.Set(-1.5)
	for _, v := range []float64{.5, 1, 1.5, 4, 100} {
		histogram.Observe(v)
		summary.Observe(v)
	}
	return registry
}

// timeless takes the times out, after a look at them: they differ by what lies between two gatherings.
func timeless(t *testing.T, m *metricspb.Metric) {
	t.Helper()
	check := func(begin, end *uint64, counts bool) {
		if *end == 0 || counts && (*begin == 0 || *begin > *end) {
			t.Errorf("%s counts from %d to %d", m.GetName(), *begin, *end)
		}
		*begin, *end = 0, 0
	}
	for _, p := range slices.Concat(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()) {
		check(&p.StartTimeUnixNano, &p.TimeUnixNano, m.GetSum() != nil)
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		check(&p.StartTimeUnixNano, &p.TimeUnixNano, true)
	}
	for _, p := range m.GetSummary().GetDataPoints() {
		check(&p.StartTimeUnixNano, &p.TimeUnixNano, true)
	}
}

// sharedLogs sends the same records to two exporters.
func sharedLogs(t *testing.T, exporters ...sdklog.Exporter) {
	t.Helper()
	options := []sdklog.LoggerProviderOption{sdklog.WithResource(described())}
	for _, e := range exporters {
		options = append(options, sdklog.WithProcessor(sdklog.NewSimpleProcessor(e)))
	}
	provider := sdklog.NewLoggerProvider(options...)
	ctx, span := sdktrace.NewTracerProvider().Tracer("test").Start(t.Context(), "test")
	defer span.End()
	var r otellog.Record
	r.SetTimestamp(time.Unix(1, 2))
	r.SetObservedTimestamp(time.Unix(3, 4))
	r.SetSeverity(otellog.SeverityWarn)
	r.SetSeverityText("warning")
	r.SetBody(attribute.StringValue("hello"))
	r.AddAttributes(attribute.String("s", "x"), attribute.Int("i", 1), attribute.Bool("b", true),
		attribute.Float64("f", .5))
	provider.Logger("one", otellog.WithInstrumentationVersion("1")).Emit(ctx, r)
	provider.Logger("two").Emit(t.Context(), r)
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLogsAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	ours, theirs := otlpreceiver.Start(t), otlpreceiver.Start(t)
	own, err := otlphttp.Logs(at(ours.HTTP()))(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reference, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpointURL(theirs.HTTP()+"/v1/logs"))
	if err != nil {
		t.Fatal(err)
	}
	sharedLogs(t, own, reference)
	got, want := ours.Records(), theirs.Records()
	if len(got) != 2 || len(want) != 2 {
		t.Fatalf("%d records arrived, %d of the reference; want 2", len(got), len(want))
	}
	for i := range want {
		if !proto.Equal(got[i].LogRecord, want[i].LogRecord) || !proto.Equal(got[i].Resource, want[i].Resource) {
			t.Errorf("record arrived:\n%v\nwant:\n%v", got[i], want[i])
		}
	}
}

func TestSpansAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	ours, theirs := otlpreceiver.Start(t), otlpreceiver.Start(t)
	own, err := otlphttp.Traces(at(ours.HTTP()))(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reference, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(theirs.HTTP()+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(described()), sdktrace.WithSyncer(own),
		sdktrace.WithSyncer(reference))
	_, span := provider.Tracer("test").Start(t.Context(), "a span")
	span.SetAttributes(attribute.String("s", "x"))
	span.End()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, want := ours.Spans(), theirs.Spans()
	if len(got) != 1 || len(want) != 1 || !proto.Equal(got[0].Span, want[0].Span) {
		t.Errorf("spans arrived:\n%v\nwant:\n%v", got, want)
	}
}
