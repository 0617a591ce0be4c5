package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
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
	// Metrics are pushed under the names that a scrape shows. Nil pushes none.
	Metrics *Metrics
	// Log is both the source of the log records and the place where troubles of the export are reported. Nil sends no
	// log records and reports nothing.
	Log *logrus.Logger
}

// Exporters make the exporter of each signal, or are nil where a signal is not to be sent. The packages otlp and
// otlphttp have them. Making one must not wait for the collector.
type Exporters struct {
	Traces  func(context.Context) (sdktrace.SpanExporter, error)
	Metrics func(context.Context, Families) (Pusher, error)
	Logs    func(context.Context) (sdklog.Exporter, error)
}

// Families are the Prometheus families that are pushed.
type Families struct {
	Resource *resource.Resource
	// Gatherer returns the families as they are now, under the names that a scrape shows.
	Gatherer prometheus.Gatherer
	// Export is to be called with what sends them. It reports the error, and cuts off what is still being sent when the
	// providers are shut down and their time is over.
	Export func(ctx context.Context, send func(context.Context) error)
}

// Pusher sends the families again and again until it is shut down.
type Pusher interface {
	// ForceFlush sends them now and waits until they are sent or ctx ends.
	ForceFlush(ctx context.Context) error
	// Shutdown sends them a last time and stops. It ends with ctx at the latest.
	Shutdown(ctx context.Context) error
}
