// Package otlphttp sends traces, metrics and logs over OTLP/HTTP in protobuf encoding, as the OTEL_EXPORTER_OTLP_*
// variables say: https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
//
// The exporters of the OpenTelemetry project do the same, but they share packages with their gRPC siblings: with them
// come a gRPC client, grpc-gateway and the whole metrics SDK, 2.2 MB of a function that wants to start in
// milliseconds. What is small of theirs is used here: their protobuf messages, and their way of turning spans into
// them. The rest is a POST with retries (client.go), log records (logs.go) and Prometheus families (metrics.go,
// families.go) as messages, and the variables (settings.go).
package otlphttp

import (
	"context"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/internal/otlpenv"
)

// Exporters returns the exporters that the environment asks for: those of all signals whose OTEL_*_EXPORTER is not
// "none". getenv returns the value of a variable, or an empty string. The error names the variable with a value that
// is not possible here, such as the protocol grpc.
func Exporters(getenv func(string) string) (telemetry.Exporters, error) {
	signals, err := otlpenv.Read(getenv, otlpenv.HTTPProtobuf)
	if err != nil {
		return telemetry.Exporters{}, err
	}
	var e telemetry.Exporters
	if !signals.Traces.Off {
		e.Traces = Traces(getenv)
	}
	if !signals.Metrics.Off {
		e.Metrics = Metrics(getenv)
	}
	if !signals.Logs.Off {
		e.Logs = Logs(getenv)
	}
	return e, nil
}

// Traces returns what makes an exporter of spans with the settings that getenv returns.
func Traces(getenv func(string) string) func(context.Context) (sdktrace.SpanExporter, error) {
	return func(ctx context.Context) (sdktrace.SpanExporter, error) {
		c, err := newClient(getenv, "traces")
		if err != nil {
			return nil, err
		}
		return otlptrace.New(ctx, traceClient{c})
	}
}

// Metrics returns what starts to push metrics with the settings that getenv returns.
func Metrics(getenv func(string) string) func(context.Context, telemetry.Families) (telemetry.Pusher, error) {
	return func(_ context.Context, families telemetry.Families) (telemetry.Pusher, error) {
		c, err := newClient(getenv, "metrics")
		if err != nil {
			return nil, err
		}
		return startPusher(getenv, c, families)
	}
}

// Logs returns what makes an exporter of log records with the settings that getenv returns.
func Logs(getenv func(string) string) func(context.Context) (sdklog.Exporter, error) {
	return func(context.Context) (sdklog.Exporter, error) {
		c, err := newClient(getenv, "logs")
		if err != nil {
			return nil, err
		}
		return logExporter{c}, nil
	}
}
