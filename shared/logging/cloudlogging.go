package logging

import (
	"maps"
	"net"
	"strconv"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"
)

// The keys that Google Cloud Logging takes out of a line and gives a place of their own in its LogEntry, see
// https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields.
const (
	cloudTrace   = "logging.googleapis.com/trace"
	cloudSpan    = "logging.googleapis.com/spanId"
	cloudSampled = "logging.googleapis.com/trace_sampled"
	cloudSource  = "logging.googleapis.com/sourceLocation"
	cloudRequest = "httpRequest"
)

// CloudLogging is the layout that Google Cloud Logging understands. It finds the severity of a line, where it was
// logged, and the trace and span of the context that the entry was made with. The line about an answered request shows
// it in the format that the console draws.
//
// project is the id of the project that holds the traces. Logs and traces are linked by
// projects/[PROJECT_ID]/traces/[TRACE_ID]; without a project the trace is written by its bare id, by which it can still
// be searched for, as the functions framework itself does. See
// https://cloud.google.com/trace/docs/trace-log-integration.
func CloudLogging(project string) Layout {
	prefix := ""
	if project != "" {
		prefix = "projects/" + project + "/traces/"
	}
	return Layout{
		Level: "severity", Time: "time", Message: "message", Stack: "stack_trace",
		LevelName: cloudSeverity,
		Fields:    func(entry *logrus.Entry) logrus.Fields { return cloudFields(entry, prefix) },
	}
}

// cloudSeverity names a level as https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#logseverity does.
func cloudSeverity(level logrus.Level) string {
	switch level {
	case logrus.TraceLevel, logrus.DebugLevel:
		return "DEBUG"
	case logrus.InfoLevel:
		return "INFO"
	case logrus.WarnLevel:
		return "WARNING"
	case logrus.ErrorLevel:
		return "ERROR"
	case logrus.FatalLevel:
		return "CRITICAL"
	case logrus.PanicLevel:
		return "ALERT"
	}
	return "DEFAULT"
}

// cloudFields returns the fields of an entry with what Cloud Logging knows by names of its own.
func cloudFields(entry *logrus.Entry, tracePrefix string) logrus.Fields {
	fields := make(logrus.Fields, len(entry.Data)+4)
	maps.Copy(fields, entry.Data)
	if caller := entry.Caller; caller != nil {
		fields[cloudSource] = sourceLocation{
			File: caller.File, Line: strconv.Itoa(caller.Line), Function: caller.Function,
		}
	}
	if entry.Context != nil {
		addTrace(fields, trace.SpanContextFromContext(entry.Context), tracePrefix)
	}
	_, answered := fields["status"].(int)
	if answered && text(fields, "uri") != "" {
		addRequest(fields)
	}
	return fields
}

// addTrace names the trace in the place of the plain id.
func addTrace(fields logrus.Fields, span trace.SpanContext, prefix string) {
	if !span.IsValid() {
		return
	}
	delete(fields, "trace_id")
	fields[cloudTrace] = prefix + span.TraceID().String()
	fields[cloudSpan] = span.SpanID().String()
	fields[cloudSampled] = span.IsSampled()
}

// addRequest gathers the fields of an answered request into one object.
func addRequest(fields logrus.Fields) {
	request := httpRequest{
		Method: text(fields, "method"), URL: text(fields, "uri"), Protocol: text(fields, "proto"),
		UserAgent: text(fields, "user-agent"), RemoteIP: host(text(fields, "remote")),
	}
	request.Status, _ = fields["status"].(int)
	if bytes, ok := fields["bytes"].(int64); ok {
		request.ResponseSize = strconv.FormatInt(bytes, 10)
	}
	if seconds, ok := fields["duration"].(float64); ok {
		request.Latency = strconv.FormatFloat(seconds, 'f', nanoseconds, 64) + "s"
	}
	for _, name := range []string{"method", "uri", "proto", "user-agent", "remote", "status", "bytes", "duration"} {
		delete(fields, name)
	}
	fields[cloudRequest] = request
}

// nanoseconds is the number of digits behind the point that a google.protobuf.Duration may have.
const nanoseconds = 9

// httpRequest is the HttpRequest of a LogEntry, see
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#httprequest. 64-bit numbers are text in it.
type httpRequest struct {
	Method       string `json:"requestMethod,omitempty"`
	URL          string `json:"requestUrl,omitempty"`
	Status       int    `json:"status"`
	ResponseSize string `json:"responseSize,omitempty"`
	UserAgent    string `json:"userAgent,omitempty"`
	RemoteIP     string `json:"remoteIp,omitempty"`
	Latency      string `json:"latency,omitempty"`
	Protocol     string `json:"protocol,omitempty"`
}

// sourceLocation is the LogEntrySourceLocation of a LogEntry.
type sourceLocation struct {
	File     string `json:"file"`
	Line     string `json:"line"`
	Function string `json:"function"`
}

func text(fields logrus.Fields, name string) string {
	value, _ := fields[name].(string)
	return value
}

// host drops the port of an address, if it has one.
func host(address string) string {
	if name, _, err := net.SplitHostPort(address); err == nil {
		return name
	}
	return address
}
