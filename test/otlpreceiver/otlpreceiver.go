// Package otlpreceiver is a collector for tests: it speaks OTLP over gRPC and over HTTP as
// https://opentelemetry.io/docs/specs/otlp/ says, keeps what it is sent, and lets a test wait for it.
package otlpreceiver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // exporters may be told to compress

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// Span is a received span with the resource it came from.
type Span struct {
	Resource *resource.Resource
	*trace.Span
}

// Metric is a received metric with the resource it came from.
type Metric struct {
	Resource *resource.Resource
	*metrics.Metric
}

// Record is a received log record with the resource it came from.
type Record struct {
	Resource *resource.Resource
	*logs.LogRecord
}

// Receiver is a running collector.
type Receiver struct {
	grpcAddr string
	httpURL  string

	mu      sync.Mutex
	spans   []Span
	metrics []Metric
	records []Record
}

// Start runs a collector on two free ports of 127.0.0.1 until the test ends.
func Start(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{}
	r.grpcAddr = r.serveGRPC(t)
	r.httpURL = r.serveHTTP(t)
	return r
}

// GRPC returns the endpoint of OTLP/gRPC as a URL.
func (r *Receiver) GRPC() string { return "http://" + r.grpcAddr }

// HTTP returns the endpoint of OTLP/HTTP as a URL, to which the exporters add the path of each signal.
func (r *Receiver) HTTP() string { return r.httpURL }

// Spans returns the spans received so far.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// Metrics returns the metrics received so far. A metric that was sent twice is there twice.
func (r *Receiver) Metrics() []Metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.metrics)
}

// Records returns the log records received so far.
func (r *Receiver) Records() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// WaitSpan returns the first span with the given name, or fails the test when none arrives within timeout.
func (r *Receiver) WaitSpan(t testing.TB, timeout time.Duration, name string) Span {
	t.Helper()
	return wait(t, timeout, "a span named "+name, r.Spans, func(s Span) bool { return s.GetName() == name })
}

// WaitMetric returns the first metric with the given name, or fails the test when none arrives within timeout.
func (r *Receiver) WaitMetric(t testing.TB, timeout time.Duration, name string) Metric {
	t.Helper()
	return wait(t, timeout, "a metric named "+name, r.Metrics, func(m Metric) bool { return m.GetName() == name })
}

// WaitRecord returns the first log record with the given body, or fails the test when none arrives within timeout.
func (r *Receiver) WaitRecord(t testing.TB, timeout time.Duration, body string) Record {
	t.Helper()
	return wait(t, timeout, "a log record that says "+body, r.Records, func(l Record) bool {
		return l.GetBody().GetStringValue() == body
	})
}

// wait returns the first received thing that matches.
func wait[T any](t testing.TB, timeout time.Duration, what string, received func() []T, match func(T) bool) (found T) {
	t.Helper()
	testkit.Eventually(t, timeout, what, func() bool {
		all := received()
		i := slices.IndexFunc(all, match)
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// Attributes returns attributes by name, their values as text where they are text and in protobuf's own format
// otherwise.
func Attributes(attributes []*common.KeyValue) map[string]string {
	texts := make(map[string]string, len(attributes))
	for _, a := range attributes {
		if text, ok := a.GetValue().GetValue().(*common.AnyValue_StringValue); ok {
			texts[a.GetKey()] = text.StringValue
			continue
		}
		texts[a.GetKey()] = a.GetValue().String()
	}
	return texts
}

// serveGRPC runs the three services of OTLP/gRPC and returns their address.
func (r *Receiver) serveGRPC(t testing.TB) string {
	t.Helper()
	listener := listen(t)
	server := grpc.NewServer()
	coltrace.RegisterTraceServiceServer(server, &traceService{receiver: r})
	colmetrics.RegisterMetricsServiceServer(server, &metricsService{receiver: r})
	collogs.RegisterLogsServiceServer(server, &logsService{receiver: r})
	run(t, func() error { return server.Serve(listener) }, server.Stop)
	return listener.Addr().String()
}

// serveHTTP runs the three paths of OTLP/HTTP and returns their base URL.
func (r *Receiver) serveHTTP(t testing.TB) string {
	t.Helper()
	listener := listen(t)
	server := &http.Server{Handler: r.handler(), ReadHeaderTimeout: 10 * time.Second}
	run(t, func() error { return server.Serve(listener) }, func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("the receiver cannot listen: %v", err)
	}
	return listener
}

// run serves in the background until the test ends, then stops and waits.
func run(t testing.TB, serve func() error, stop func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- serve() }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("the receiver ended early: %v", err)
		}
	})
}

type traceService struct {
	coltrace.UnimplementedTraceServiceServer
	receiver *Receiver
}

func (s *traceService) Export(
	_ context.Context, request *coltrace.ExportTraceServiceRequest,
) (*coltrace.ExportTraceServiceResponse, error) {
	s.receiver.keepSpans(request)
	return &coltrace.ExportTraceServiceResponse{}, nil
}

type metricsService struct {
	colmetrics.UnimplementedMetricsServiceServer
	receiver *Receiver
}

func (s *metricsService) Export(
	_ context.Context, request *colmetrics.ExportMetricsServiceRequest,
) (*colmetrics.ExportMetricsServiceResponse, error) {
	s.receiver.keepMetrics(request)
	return &colmetrics.ExportMetricsServiceResponse{}, nil
}

type logsService struct {
	collogs.UnimplementedLogsServiceServer
	receiver *Receiver
}

func (s *logsService) Export(
	_ context.Context, request *collogs.ExportLogsServiceRequest,
) (*collogs.ExportLogsServiceResponse, error) {
	s.receiver.keepRecords(request)
	return &collogs.ExportLogsServiceResponse{}, nil
}

func (r *Receiver) keepSpans(request *coltrace.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range request.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				r.spans = append(r.spans, Span{of.GetResource(), span})
			}
		}
	}
}

func (r *Receiver) keepMetrics(request *colmetrics.ExportMetricsServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range request.GetResourceMetrics() {
		for _, scope := range of.GetScopeMetrics() {
			for _, metric := range scope.GetMetrics() {
				r.metrics = append(r.metrics, Metric{of.GetResource(), metric})
			}
		}
	}
}

func (r *Receiver) keepRecords(request *collogs.ExportLogsServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range request.GetResourceLogs() {
		for _, scope := range of.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				r.records = append(r.records, Record{of.GetResource(), record})
			}
		}
	}
}
