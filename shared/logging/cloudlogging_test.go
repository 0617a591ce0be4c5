package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/logging"
)

// span is a sampled span of a known trace.
func span(t *testing.T) context.Context {
	t.Helper()
	traceID, err := trace.TraceIDFromHex("105445aa7843bc8bf206b12000100000")
	if err != nil {
		t.Fatal(err)
	}
	return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: trace.SpanID{7: 74}, TraceFlags: trace.FlagsSampled,
	}))
}

func TestCloudLoggingLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.NewWithLayout(&out, "info", logging.CloudLogging("shop"))
	_, _, above, _ := runtime.Caller(0)
	log.WithTime(at).WithContext(span(t)).WithFields(logrus.Fields{"a": "b", "trace_id": "x"}).Warn("cache get failed")
	got := decode(t, out.Bytes())
	source, _ := got["logging.googleapis.com/sourceLocation"].(map[string]any)
	if file, _ := source["file"].(string); !strings.HasSuffix(file, "logging/cloudlogging_test.go") ||
		source["line"] != strconv.Itoa(above+1) || !strings.HasSuffix(source["function"].(string), "TestCloudLoggingLine") {
		t.Errorf("the source is %v, want line %d of this test", source, above+1)
	}
	delete(got, "logging.googleapis.com/sourceLocation")
	want := map[string]any{
		"severity": "WARNING", "time": "2026-11-22T10:28:41.123Z", "message": "cache get failed", "a": "b",
		"logging.googleapis.com/trace":         "projects/shop/traces/105445aa7843bc8bf206b12000100000",
		"logging.googleapis.com/spanId":        "000000000000004a",
		"logging.googleapis.com/trace_sampled": true,
	}
	same(t, got, want)
}

func TestCloudLoggingSeverity(t *testing.T) {
	t.Parallel()
	want := map[logrus.Level]string{
		logrus.TraceLevel: "DEBUG", logrus.DebugLevel: "DEBUG", logrus.InfoLevel: "INFO", logrus.WarnLevel: "WARNING",
		logrus.ErrorLevel: "ERROR", logrus.FatalLevel: "CRITICAL", logrus.PanicLevel: "ALERT",
	}
	for level, severity := range want {
		if got := logging.CloudLogging("").LevelName(level); got != severity {
			t.Errorf("level %s has the severity %s, want %s", level, got, severity)
		}
	}
}

// Without a project the trace is told by its id, and without a trace nothing is.
func TestCloudLoggingTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.NewWithLayout(&out, "info", logging.CloudLogging(""))
	log.WithContext(span(t)).Info("x")
	if got := decode(t, out.Bytes())["logging.googleapis.com/trace"]; got != "105445aa7843bc8bf206b12000100000" {
		t.Errorf("the trace is %v, want its id", got)
	}
	for _, entry := range []*logrus.Entry{logrus.NewEntry(log), log.WithContext(t.Context())} {
		out.Reset()
		entry.Info("x")
		if line := out.String(); strings.Contains(line, "trace") || strings.Contains(line, "spanId") {
			t.Errorf("a line outside of any trace names one: %s", line)
		}
	}
}

func TestCloudLoggingRequest(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.NewWithLayout(&out, "info", logging.CloudLogging(""))
	log.WithFields(logrus.Fields{
		"method": "POST", "uri": "/echo?a=1", "proto": "HTTP/1.1", "user-agent": "curl/8.0", "remote": "[2001:db8::1]:5",
		"status": 202, "bytes": int64(17), "duration": 0.0123456789, "name": "kept",
	}).Info("request finished")
	got := decode(t, out.Bytes())
	delete(got, "logging.googleapis.com/sourceLocation")
	delete(got, "time")
	same(t, got, map[string]any{
		"severity": "INFO", "message": "request finished", "name": "kept",
		"httpRequest": map[string]any{
			"requestMethod": "POST", "requestUrl": "/echo?a=1", "status": 202.0, "responseSize": "17",
			"userAgent": "curl/8.0", "remoteIp": "2001:db8::1", "latency": "0.012345679s", "protocol": "HTTP/1.1",
		},
	})
}

// What only looks like a request in part keeps its fields, and so does the entry for whoever else reads it.
func TestCloudLoggingLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.NewWithLayout(&out, "info", logging.CloudLogging(""))
	log.WithFields(logrus.Fields{"status": 500, "url": "http://backend"}).Info("backend failed")
	if got := decode(t, out.Bytes()); got["status"] != 500.0 || got["httpRequest"] != nil {
		t.Errorf("the line is %s, want the status as it was", out.String())
	}
	entry := log.WithFields(logrus.Fields{"status": 200, "uri": "/"})
	entry.Info("request finished")
	if len(entry.Data) != 2 || entry.Data["status"] != 200 {
		t.Errorf("the entry has become %v", entry.Data)
	}
}

func same(t *testing.T, got, want map[string]any) {
	t.Helper()
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	if !bytes.Equal(gotText, wantText) {
		t.Errorf("the line holds\n%s, want\n%s", gotText, wantText)
	}
}
