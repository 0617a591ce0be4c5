package rpc_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/rpc/pb/envpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/statuspb"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	callVersion(t, r.conn)
	callVersion(t, r.conn)
	_, err := statuspb.NewStatusServiceClient(r.conn).Status(within(t), &statuspb.StatusRequest{Code: "NotFound"})
	wantStatus(t, err, codes.NotFound, "")
	stream := watch(t, r.conn, "")
	expect(t, stream, serving)
	for _, method := range []string{"/echo.EchoService/Invented", "/invented.Service/Echo"} {
		var request, answer envpb.EnvRequest
		if err := r.conn.Invoke(within(t), method, &request, &answer); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s ended with %v, want Unimplemented", method, err)
		}
	}

	// The values are in the order of the label names: code, method, service, type.
	for family, want := range map[string]map[string]float64{
		"grpc_server_started_total": {
			"Version version.VersionService unary": 2, "Status status.StatusService unary": 1,
			"Watch grpc.health.v1.Health server_stream": 1,
		},
		"grpc_server_handled_total": {
			"OK Version version.VersionService unary": 2, "NotFound Status status.StatusService unary": 1,
		},
		"grpc_server_handling_seconds": {
			"Version version.VersionService unary": 2, "Status status.StatusService unary": 1,
		},
	} {
		// A call is counted after its answer has left, so the client may be ahead.
		testkit.Eventually(t, patience, "the series of "+family, func() bool {
			return maps.Equal(r.series(t, family), want)
		})
	}
}

func TestWithoutMetrics(t *testing.T) {
	t.Parallel()
	r := start(t, func(d *rpc.Deps) { d.Metrics = nil })
	callVersion(t, r.conn)
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	r := start(t, func(d *rpc.Deps) { d.Environ = func() []string { panic("a defect with details") } })
	_, err := envpb.NewEnvServiceClient(r.conn).Env(within(t), &envpb.EnvRequest{})
	wantStatus(t, err, codes.Internal, "the server failed to handle this call; its log tells why")
	callVersion(t, r.conn)

	entries := r.log.entries(t, "gRPC handler panicked")
	if len(entries) != 1 {
		t.Fatalf("the log has %d lines about the panic, want 1", len(entries))
	}
	line := entries[0]
	if line["level"] != "error" || line["error"] != "a defect with details" || line["method"] != "/env.EnvService/Env" {
		t.Errorf("the log line is %v, want level error, the cause and the method", line)
	}
	if stack, _ := line["stacktrace"].(string); !strings.Contains(stack, "TestRecovery") {
		t.Errorf("the stack does not lead to the defect: %s", stack)
	}
	testkit.Eventually(t, patience, "the panic to be counted as Internal", func() bool {
		return r.series(t, "grpc_server_handled_total")["Internal Env env.EnvService unary"] == 1
	})
}

// A call is one span, which continues the caller's trace; health checks are none; log lines carry the span.
func TestTraces(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	providers, err := telemetry.Start(t.Context(), telemetry.Options{
		ServiceName: "podinfo",
		Exporters: telemetry.Exporters{
			Traces: func(context.Context) (sdktrace.SpanExporter, error) { return spans, nil },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := providers.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	logged := make(chan trace.SpanContext, 1)
	r := start(t, func(d *rpc.Deps) {
		d.Providers = providers
		d.Environ = func() []string { panic("defect") }
		d.Log.AddHook(spanHook(logged))
	})

	const traceID, spanID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	ctx := metadata.AppendToOutgoingContext(within(t), "traceparent", "00-"+traceID+"-"+spanID+"-01")
	_, err = envpb.NewEnvServiceClient(r.conn).Env(ctx, &envpb.EnvRequest{})
	if status.Code(err) != codes.Internal {
		t.Fatal(err)
	}
	client := grpc_health_v1.NewHealthClient(r.conn)
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	r.stop(t) // After that every span has ended.
	if err := providers.ForceFlush(within(t)); err != nil {
		t.Fatal(err)
	}

	got := spans.GetSpans()
	if len(got) != 1 {
		t.Fatalf("there are %d spans, want 1: %v", len(got), got)
	}
	span := got[0]
	if span.Name != "env.EnvService/Env" || span.SpanKind != trace.SpanKindServer {
		t.Errorf("the span is %q of kind %s, want env.EnvService/Env of kind server", span.Name, span.SpanKind)
	}
	if span.SpanContext.TraceID().String() != traceID || span.Parent.SpanID().String() != spanID {
		t.Errorf("the span's trace is %s and its parent %s, want the caller's %s and %s",
			span.SpanContext.TraceID(), span.Parent.SpanID(), traceID, spanID)
	}
	if line := <-logged; line.SpanID() != span.SpanContext.SpanID() {
		t.Errorf("the log line carries the span %s, want %s", line.SpanID(), span.SpanContext.SpanID())
	}
}

// spanHook sends the span of every log line.
type spanHook chan<- trace.SpanContext

func (spanHook) Levels() []logrus.Level { return logrus.AllLevels }

func (h spanHook) Fire(e *logrus.Entry) error {
	h <- trace.SpanContextFromContext(e.Context)
	return nil
}

// Two servers with different settings live side by side.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	one := start(t, func(d *rpc.Deps) { d.Environ = func() []string { return []string{"ONE=1"} } })
	two := start(t, func(d *rpc.Deps) { d.Environ = func() []string { return []string{"TWO=2"} } })
	one.Drain()
	for r, want := range map[*rig]string{one: "ONE=1", two: "TWO=2"} {
		got, err := envpb.NewEnvServiceClient(r.conn).Env(within(t), &envpb.EnvRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.GetEnvVars(), []string{want}) {
			t.Errorf("the environment is %q, want %q", got.GetEnvVars(), want)
		}
		if n := len(r.series(t, "grpc_server_started_total")); n != 1 {
			t.Errorf("the metrics of one server have %d series, want its own 1", n)
		}
	}
	expect(t, watch(t, one.conn, ""), notServing)
	expect(t, watch(t, two.conn, ""), serving)
}
