package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// statuses is the size of a table indexed by HTTP status. Three digits is what RFC 9110 §15 allows; slot 0 stands for
// anything else.
const statuses = 1000

// Metrics holds the metric families of one server: http_request_duration_seconds, http_requests_total, those of the Go
// runtime and of the process, and those of the scrape handler. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	seconds  *prometheus.HistogramVec
	total    *prometheus.CounterVec
	totals   [statuses]atomic.Pointer[counted]
	scrape   func() http.Handler
	sink     func(context.Context, Observation) // nil is none
}

// Observation is one finished request, with the label values that it has in the Prometheus families.
type Observation struct {
	Method, Path, Status string
	Seconds              float64 // how long it took, 0 if it was not timed
	Timed                bool    // whether it is in http_request_duration_seconds, and not only in http_requests_total
}

// MetricsOption changes what NewMetrics makes.
type MetricsOption func(*Metrics)

// WithSink has every request that is recorded handed to sink as well, with the request's context and in the goroutine
// that served the request. Nil stands for no sink.
func WithSink(sink func(context.Context, Observation)) MetricsOption {
	return func(m *Metrics) { m.sink = sink }
}

// counted is one child of http_requests_total, boxed so that a table can hold it behind an atomic pointer.
type counted struct {
	prometheus.Counter
	status string // its label
}

// NewMetrics returns a set of metrics with a registry of its own. What only a scrape needs is built by the first one,
// so that a process that nobody has scraped yet did not pay for it at start.
func NewMetrics(options ...MetricsOption) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Seconds spent serving HTTP requests.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "path", "status"}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "The total number of HTTP requests.",
		}, []string{"status"}),
	}
	m.registry.MustRegister(m.seconds, m.total)
	m.scrape = sync.OnceValue(m.buildScrape)
	for _, option := range options {
		option(m)
	}
	return m
}

// Registry returns the registry, for packages that register families of their own. To read all families, gather from
// Metrics itself: the registry alone lacks those of the runtime and the process until the first scrape.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Gather collects every family, the runtime's and the process's included. It makes Metrics a prometheus.Gatherer.
func (m *Metrics) Gather() ([]*dto.MetricFamily, error) {
	m.scrape()
	return m.registry.Gather()
}

// Handler returns the scrape handler. It answers in the Prometheus text format 0.0.4, compressed with gzip on request,
// and counts itself in the promhttp_metric_handler_* families. See
// https://prometheus.io/docs/instrumenting/exposition_formats/.
func (m *Metrics) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.scrape().ServeHTTP(w, r) })
}

// buildScrape registers the families that are only looked at by a scrape and returns the handler that serves all.
func (m *Metrics) buildScrape() http.Handler {
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
}

// Route returns the metrics of the route called name. The name becomes the path label as PathLabel says. Call it once
// per route, when the route is registered: routes with the same label share their series.
func (m *Metrics) Route(name string) *Route {
	return &Route{metrics: m, path: PathLabel(name)}
}

// count adds one request to http_requests_total and returns the label of its status.
func (m *Metrics) count(status int) string {
	slot := &m.totals[status]
	c := slot.Load()
	if c == nil {
		label := statusLabel(status)
		c = &counted{m.total.WithLabelValues(label), label}
		slot.Store(c)
	}
	c.Inc()
	return c.status
}

// statusSlot returns the slot of status in a table: the status itself, or 0 when it has not three digits.
func statusSlot(status int) int {
	if status < 100 || status >= statuses {
		return 0
	}
	return status
}

// statusLabel returns the value of the status label for a slot.
func statusLabel(slot int) string {
	if slot == 0 {
		return "unknown"
	}
	return strconv.Itoa(slot)
}
