package otlp

import (
	"context"

	prometheusbridge "go.opentelemetry.io/contrib/bridges/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

// Push sends the families by an exporter of the metrics SDK, as often as the OTEL_METRIC_EXPORT_* variables of the
// process say.
func Push(exporter sdkmetric.Exporter, families telemetry.Families) telemetry.Pusher {
	bridge := prometheusbridge.NewMetricProducer(prometheusbridge.WithGatherer(families.Gatherer))
	reader := sdkmetric.NewPeriodicReader(reported{exporter, families.Export}, sdkmetric.WithProducer(bridge))
	return sdkmetric.NewMeterProvider(sdkmetric.WithResource(families.Resource), sdkmetric.WithReader(reader))
}

// reported keeps the errors of an export from the SDK, which would hand them to a handler that is global to the
// process.
type reported struct {
	sdkmetric.Exporter
	report func(context.Context, func(context.Context) error)
}

func (e reported) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	e.report(ctx, func(ctx context.Context) error { return e.Exporter.Export(ctx, metrics) })
	return nil
}
