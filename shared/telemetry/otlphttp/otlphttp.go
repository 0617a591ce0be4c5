// Package otlphttp has the exporters that send traces, metrics and logs over OTLP/HTTP in protobuf encoding. It is for
// targets that must stay small; where gRPC is linked anyway, the package otlp beside this one offers both.
package otlphttp

import (
	"context"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/internal/otlpenv"
)

// Exporters returns the exporters that the environment asks for: those of all signals whose OTEL_*_EXPORTER is not
// "none". The error names the variable with a value that is not possible here, such as the protocol grpc. getenv
// decides what is sent; the exporters, when they are made, read their settings from the process environment.
func Exporters(getenv func(string) string) (telemetry.Exporters, error) {
	signals, err := otlpenv.Read(getenv, otlpenv.HTTPProtobuf)
	if err != nil {
		return telemetry.Exporters{}, err
	}
	var e telemetry.Exporters
	if !signals.Traces.Off {
		e.Traces = Traces(signals.Traces.Plaintext)
	}
	if !signals.Metrics.Off {
		e.Metrics = Metrics(signals.Metrics.Plaintext)
	}
	if !signals.Logs.Off {
		e.Logs = Logs(signals.Logs.Plaintext)
	}
	return e, nil
}

// Traces returns what makes an exporter of spans. With plaintext it uses no TLS whatever the environment says.
func Traces(plaintext bool) func(context.Context) (sdktrace.SpanExporter, error) {
	var options []otlptracehttp.Option
	if plaintext {
		options = append(options, otlptracehttp.WithInsecure())
	}
	return func(ctx context.Context) (sdktrace.SpanExporter, error) { return otlptracehttp.New(ctx, options...) }
}

// Metrics returns what makes an exporter of metrics. With plaintext it uses no TLS whatever the environment says.
func Metrics(plaintext bool) func(context.Context) (sdkmetric.Exporter, error) {
	var options []otlpmetrichttp.Option
	if plaintext {
		options = append(options, otlpmetrichttp.WithInsecure())
	}
	return func(ctx context.Context) (sdkmetric.Exporter, error) { return otlpmetrichttp.New(ctx, options...) }
}

// Logs returns what makes an exporter of log records. With plaintext it uses no TLS whatever the environment says.
func Logs(plaintext bool) func(context.Context) (sdklog.Exporter, error) {
	var options []otlploghttp.Option
	if plaintext {
		options = append(options, otlploghttp.WithInsecure())
	}
	return func(ctx context.Context) (sdklog.Exporter, error) { return otlploghttp.New(ctx, options...) }
}
