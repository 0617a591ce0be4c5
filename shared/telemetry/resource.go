package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// describe returns the resource that all signals of this process share: service.name, service.version, a
// service.instance.id made up for this run, host.name, telemetry.sdk.*, the options' attributes, and those of
// OTEL_RESOURCE_ATTRIBUTES, which win over all but the service's name. The command line is left out: it may hold
// secrets. See https://opentelemetry.io/docs/specs/semconv/resource/.
func (b *builder) describe(ctx context.Context) *resource.Resource {
	described, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithService(),
		resource.WithAttributes(semconv.ServiceVersion(b.options.ServiceVersion)),
		resource.WithAttributes(b.options.Attributes...),
		resource.WithFromEnv(),
		resource.WithAttributes(semconv.ServiceName(b.options.ServiceName)),
	)
	if err != nil {
		b.log.WithError(err).Warn("telemetry resource is incomplete")
	}
	return described
}
