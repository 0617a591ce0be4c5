package otlphttp

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
)

// logExporter sends log records.
type logExporter struct{ client *client }

// Export sends the records. They come from one logger provider, and so all have the same resource.
func (e logExporter) Export(ctx context.Context, records []sdklog.Record) error {
	if len(records) == 0 {
		return nil
	}
	first := records[0].Resource()
	return e.client.send(ctx, &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{
		Resource: described(first), SchemaUrl: first.SchemaURL(), ScopeLogs: byScope(records),
	}}})
}

// ForceFlush has nothing to do: Export keeps nothing back.
func (logExporter) ForceFlush(context.Context) error { return nil }

// Shutdown frees the connections.
func (e logExporter) Shutdown(context.Context) error {
	e.client.close()
	return nil
}

// byScope puts the records of each logger together, in their order.
func byScope(records []sdklog.Record) []*logspb.ScopeLogs {
	known := make(map[instrumentation.Scope]*logspb.ScopeLogs)
	var list []*logspb.ScopeLogs
	for i := range records {
		scope := records[i].InstrumentationScope()
		logs, ok := known[scope]
		if !ok {
			logs = &logspb.ScopeLogs{Scope: scopeOf(scope), SchemaUrl: scope.SchemaURL}
			known[scope] = logs
			list = append(list, logs)
		}
		logs.LogRecords = append(logs.LogRecords, logRecord(&records[i]))
	}
	return list
}

// logRecord returns a record as a message, see https://opentelemetry.io/docs/specs/otel/logs/data-model/.
func logRecord(r *sdklog.Record) *logspb.LogRecord {
	m := &logspb.LogRecord{
		TimeUnixNano:           nanoseconds(r.Timestamp()),
		ObservedTimeUnixNano:   nanoseconds(r.ObservedTimestamp()),
		SeverityNumber:         logspb.SeverityNumber(r.Severity()), //nolint:gosec // the same small numbers
		SeverityText:           r.SeverityText(),
		EventName:              r.EventName(),
		Body:                   valueOf(r.Body()),
		Attributes:             make([]*commonpb.KeyValue, 0, r.AttributesLen()),
		DroppedAttributesCount: uint32(r.DroppedAttributes()), //nolint:gosec // a handful at most
		Flags:                  uint32(r.TraceFlags()),
	}
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		m.Attributes = append(m.Attributes, &commonpb.KeyValue{Key: string(a.Key), Value: valueOf(a.Value)})
		return true
	})
	if id := r.TraceID(); id.IsValid() {
		m.TraceId = id[:]
	}
	if id := r.SpanID(); id.IsValid() {
		m.SpanId = id[:]
	}
	return m
}
