package otlp_test

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlp"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExporters sends every signal as the environment of the process says, so it is not parallel.
func TestExporters(t *testing.T) {
	for _, c := range []struct {
		name string
		env  func(*otlpreceiver.Receiver) map[string]string
		off  string
	}{
		{name: "grpc by default", env: func(r *otlpreceiver.Receiver) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.GRPC()}
		}},
		{name: "http", env: func(r *otlpreceiver.Receiver) map[string]string {
			return map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": r.HTTP(), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
			}
		}},
		{name: "compressed", env: func(r *otlpreceiver.Receiver) map[string]string {
			return map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": r.HTTP(), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
				"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": r.GRPC(), "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc",
				"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
			}
		}},
		{name: "a protocol and an endpoint per signal", env: func(r *otlpreceiver.Receiver) map[string]string {
			return map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT":         r.GRPC(),
				"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": r.HTTP() + "/v1/metrics",
				"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
			}
		}},
		{name: "no traces", off: "traces", env: func(r *otlpreceiver.Receiver) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.GRPC(), "OTEL_TRACES_EXPORTER": "none"}
		}},
		{name: "no metrics", off: "metrics", env: func(r *otlpreceiver.Receiver) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.GRPC(), "OTEL_METRICS_EXPORTER": "none"}
		}},
		{name: "no logs", off: "logs", env: func(r *otlpreceiver.Receiver) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.GRPC(), "OTEL_LOGS_EXPORTER": "none"}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			receiver := otlpreceiver.Start(t)
			for name, value := range c.env(receiver) {
				t.Setenv(name, value)
			}
			send(t, os.Getenv)
			for signal, received := range map[string]int{
				"traces": len(receiver.Spans()), "metrics": len(receiver.Metrics()), "logs": len(receiver.Records()),
			} {
				if got, want := received > 0, signal != c.off; got != want {
					t.Errorf("the collector has %d %s, want some: %t", received, signal, want)
				}
			}
		})
	}
}

// TestDefaultIsPlaintext shows that no TLS is used where the environment names no collector. The address has to come
// from somewhere in a test, so it is hidden from Exporters only. It sets the environment, so it is not parallel.
func TestDefaultIsPlaintext(t *testing.T) {
	receiver := otlpreceiver.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", strings.Replace(receiver.GRPC(), "http://", "https://", 1))
	send(t, func(string) string { return "" })
	receiver.WaitSpan(t, patience, "test")
	receiver.WaitMetric(t, patience, "go_goroutines")
	receiver.WaitRecord(t, patience, "test")
}

// send makes one of each signal and waits until they are sent.
func send(t *testing.T, getenv func(string) string) {
	t.Helper()
	exporters, err := otlp.Exporters(getenv)
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
}

func TestExportersRefuse(t *testing.T) {
	t.Parallel()
	const want = `OTEL_EXPORTER_OTLP_PROTOCOL="thrift": this program cannot send that; use grpc or http/protobuf`
	_, err := otlp.Exporters(func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "thrift"}[name]
	})
	if err == nil || err.Error() != want {
		t.Errorf("Exporters returns the error %v, want %s", err, want)
	}
}
