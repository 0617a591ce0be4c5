package telemetry

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// guard stands between the SDK and the exporter of one signal. The SDK hands errors of an export to a handler that is
// global to the process and prints them on stderr in a format of its own; the guard reports them to our log instead. It
// also lets Shutdown cut off an export for which there is no time left, so that its goroutine ends with it.
type guard struct {
	signal  string
	log     *logrus.Logger
	stopped context.Context

	mu       sync.Mutex
	failures int   // failed exports since the last one that worked
	last     error // of the exports since the last call of lost
}

// export runs one export, or none at all once the providers are stopped: what is left in the queue then only has to be
// thrown away. The error stays here, see report.
func (g *guard) export(ctx context.Context, send func(context.Context) error) {
	if err := g.stopped.Err(); err != nil {
		g.report(ctx, err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.stopped, cancel)()
	g.report(ctx, send(ctx))
}

// report keeps the error for lost and logs when exports begin to fail and when they work again. It says nothing in
// between: a dead collector must not flood the log, which may itself be on its way to that collector.
func (g *guard) report(ctx context.Context, err error) {
	failed, log := g.record(err), g.log.WithContext(ctx).WithField("signal", g.signal)
	switch {
	case err != nil && failed == 1:
		log.WithError(err).Warn("telemetry export failed")
	case err == nil && failed > 0:
		log.WithField("failures", failed).Info("telemetry export works again")
	}
}

// record counts the outcome of an export and returns the number of failures in a row that it made or ended.
func (g *guard) record(err error) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		ended := g.failures
		g.failures = 0
		return ended
	}
	g.last = err
	g.failures++
	return g.failures
}

// lost returns the error of the last failed export since the previous call.
func (g *guard) lost() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.last
	g.last = nil
	if err == nil {
		return nil
	}
	return fmt.Errorf("the export of %s failed: %w", g.signal, err)
}

// spanExporter is a guarded exporter of spans.
type spanExporter struct {
	sdktrace.SpanExporter
	guard *guard
}

func (e spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.guard.export(ctx, func(ctx context.Context) error { return e.SpanExporter.ExportSpans(ctx, textSpans(spans)) })
	return nil
}

// logExporter is a guarded exporter of log records.
type logExporter struct {
	sdklog.Exporter
	guard *guard
}

func (e logExporter) Export(ctx context.Context, records []sdklog.Record) error {
	e.guard.export(ctx, func(ctx context.Context) error { return e.Exporter.Export(ctx, records) })
	return nil
}

// gatherer gives the Prometheus families to the pusher. Like the guards it keeps errors from the global handler; the
// families that could be gathered are sent all the same.
type gatherer struct {
	prometheus.Gatherer
	log *logrus.Logger
}

func (g gatherer) Gather() ([]*dto.MetricFamily, error) {
	families, err := g.Gatherer.Gather()
	if err != nil {
		g.log.WithError(err).Warn("some metrics could not be gathered")
	}
	return families, nil
}
