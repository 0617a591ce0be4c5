package otlphttp_test

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlphttp"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExporters sends every signal as the environment of the process says, so it is not parallel.
func TestExporters(t *testing.T) {
	receiver := otlpreceiver.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.HTTP())
	exporters, err := otlphttp.Exporters(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	p, err := telemetry.Start(t.Context(), telemetry.Options{
		ServiceName: "test", Exporters: exporters, Metrics: telemetry.NewMetrics(), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, span := p.TracerProvider().Tracer("test").Start(t.Context(), "test")
	span.End()
	log.Info("test")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	receiver.WaitSpan(t, patience, "test")
	receiver.WaitMetric(t, patience, "go_goroutines")
	receiver.WaitRecord(t, patience, "test")
}

func TestExportersOff(t *testing.T) {
	t.Parallel()
	exporters, err := otlphttp.Exporters(func(name string) string {
		return map[string]string{
			"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none",
		}[name]
	})
	if err != nil || exporters.Traces != nil || exporters.Metrics != nil || exporters.Logs != nil {
		t.Errorf("with all signals off, Exporters returns %+v, %v", exporters, err)
	}
}

func TestExportersRefuseGRPC(t *testing.T) {
	t.Parallel()
	const want = `OTEL_EXPORTER_OTLP_PROTOCOL="grpc": this program cannot send that; use http/protobuf`
	_, err := otlphttp.Exporters(func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}[name]
	})
	if err == nil || err.Error() != want {
		t.Errorf("Exporters returns the error %v, want %s", err, want)
	}
}
