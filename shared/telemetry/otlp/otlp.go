// Package otlp has the exporters that send traces, metrics and logs over OTLP, by gRPC or by HTTP as the environment
// says. It is for targets that link gRPC anyway; see the package otlphttp beside this one for the others.
package otlp

import (
	"context"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/internal/otlpenv"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlphttp"
)

// Exporters returns the exporters that the environment asks for: those of all signals whose OTEL_*_EXPORTER is not
// "none", each with the protocol of OTEL_EXPORTER_OTLP_PROTOCOL or of the signal's own variable, grpc by default. The
// error names the variable with a value that is not possible. getenv decides what is sent and by which protocol; the
// exporters by gRPC, when they are made, read their other settings from the process environment.
func Exporters(getenv func(string) string) (telemetry.Exporters, error) {
	signals, err := otlpenv.Read(getenv, otlpenv.GRPC, otlpenv.HTTPProtobuf)
	if err != nil {
		return telemetry.Exporters{}, err
	}
	return telemetry.Exporters{
		Traces:  pick(signals.Traces, grpcTraces, otlphttp.Traces(getenv)),
		Metrics: pick(signals.Metrics, grpcMetrics, otlphttp.Metrics(getenv)),
		Logs:    pick(signals.Logs, grpcLogs, otlphttp.Logs(getenv)),
	}, nil
}

// pick returns what makes the exporter of a signal, nil when the signal is off.
func pick[Make any](signal otlpenv.Signal, grpc func(plaintext bool) Make, http Make) Make {
	var none Make
	switch {
	case signal.Off:
		return none
	case signal.Protocol == otlpenv.GRPC:
		return grpc(signal.Plaintext)
	}
	return http
}

func grpcTraces(plaintext bool) func(context.Context) (sdktrace.SpanExporter, error) {
	var options []otlptracegrpc.Option
	if plaintext {
		options = append(options, otlptracegrpc.WithInsecure())
	}
	return func(ctx context.Context) (sdktrace.SpanExporter, error) { return otlptracegrpc.New(ctx, options...) }
}

func grpcMetrics(plaintext bool) func(context.Context, telemetry.Families) (telemetry.Pusher, error) {
	var options []otlpmetricgrpc.Option
	if plaintext {
		options = append(options, otlpmetricgrpc.WithInsecure())
	}
	return func(ctx context.Context, families telemetry.Families) (telemetry.Pusher, error) {
		exporter, err := otlpmetricgrpc.New(ctx, options...)
		if err != nil {
			return nil, err
		}
		return Push(exporter, families), nil
	}
}

func grpcLogs(plaintext bool) func(context.Context) (sdklog.Exporter, error) {
	var options []otlploggrpc.Option
	if plaintext {
		options = append(options, otlploggrpc.WithInsecure())
	}
	return func(ctx context.Context) (sdklog.Exporter, error) { return otlploggrpc.New(ctx, options...) }
}
