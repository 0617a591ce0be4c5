package telemetry

import (
	"context"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Options says what Start builds.
type Options struct {
	// ServiceName is the service.name of everything that is sent. Empty switches OpenTelemetry off.
	ServiceName string
	// ServiceVersion is the service.version of everything that is sent.
	ServiceVersion string
	// Attributes tell more about the resource, such as the platform's names for this instance. Those of the variable
	// OTEL_RESOURCE_ATTRIBUTES win over them.
	Attributes []attribute.KeyValue
	// Exporters send the signals away.
	Exporters Exporters
	// Metrics are pushed under the names that a scrape shows. Nil pushes only what instruments of MeterProvider record.
	Metrics *Metrics
	// Log is both the source of the log records and the place where troubles of the export are reported. Nil sends no
	// log records and reports nothing.
	Log *logrus.Logger
}

// Exporters make the exporter of each signal, or are nil where a signal is not to be sent. The packages otlp and
// otlphttp have them. Making one must not wait for the collector.
type Exporters struct {
	Traces  func(context.Context) (sdktrace.SpanExporter, error)
	Metrics func(context.Context) (sdkmetric.Exporter, error)
	Logs    func(context.Context) (sdklog.Exporter, error)
}
