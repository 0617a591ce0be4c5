package telemetry

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// scopeName names this package as the origin of the log records it emits.
const scopeName = "github.com/podinfo-targets/podinfo/shared/telemetry"

// logHook sends every log entry that passes the logger's level as an OpenTelemetry log record. An entry made with
// WithContext carries the trace and span of that context. See
// https://opentelemetry.io/docs/specs/otel/logs/data-model/.
type logHook struct{ logger otellog.Logger }

// Levels makes the hook run for all levels.
func (*logHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire emits the entry. It only puts it into a bounded queue and never fails.
func (h *logHook) Fire(entry *logrus.Entry) error {
	ctx := entry.Context
	if ctx == nil {
		ctx = context.Background()
	}
	h.logger.Emit(ctx, record(entry))
	return nil
}

// record returns the log record of an entry: its fields under their own names, and where it was logged if it says so.
func record(entry *logrus.Entry) otellog.Record {
	var r otellog.Record
	r.SetTimestamp(entry.Time)
	r.SetObservedTimestamp(entry.Time)
	r.SetBody(attribute.StringValue(text(entry.Message)))
	r.SetSeverity(severity(entry.Level))
	r.SetSeverityText(entry.Level.String())
	for name, value := range entry.Data {
		r.AddAttributes(field(name, value))
	}
	if entry.Caller != nil {
		r.AddAttributes(
			semconv.CodeFunctionName(entry.Caller.Function),
			semconv.CodeFilePath(entry.Caller.File),
			semconv.CodeLineNumber(entry.Caller.Line),
		)
	}
	return r
}

// severity returns the severity number of a level.
func severity(level logrus.Level) otellog.Severity {
	switch level {
	case logrus.TraceLevel:
		return otellog.SeverityTrace
	case logrus.DebugLevel:
		return otellog.SeverityDebug
	case logrus.InfoLevel:
		return otellog.SeverityInfo
	case logrus.WarnLevel:
		return otellog.SeverityWarn
	case logrus.ErrorLevel:
		return otellog.SeverityError
	case logrus.FatalLevel:
		return otellog.SeverityFatal
	case logrus.PanicLevel:
		return otellog.SeverityFatal4
	}
	return otellog.SeverityUndefined
}

// field returns a log field as an attribute: the common numbers and booleans as such, everything else as text.
func field(name string, value any) attribute.KeyValue {
	switch v := value.(type) {
	case string:
		return attribute.String(name, text(v))
	case bool:
		return attribute.Bool(name, v)
	case int:
		return attribute.Int(name, v)
	case int64:
		return attribute.Int64(name, v)
	case float64:
		return attribute.Float64(name, v)
	case time.Time:
		return attribute.String(name, v.Format(time.RFC3339Nano))
	}
	return attribute.String(name, text(fmt.Sprint(value)))
}
