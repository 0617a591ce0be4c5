package telemetry_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

func TestLogFields(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	log := newLog(io.Discard)
	log.SetReportCaller(true)
	p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP()), Log: log})
	log.WithFields(logrus.Fields{
		"text": "a", "bool": true, "int": 1, "int64": int64(2), "float": 0.5, "wait": 3 * time.Second,
		"error": errors.New("broken"), "time": time.Unix(0, 0).UTC(), "list": []string{"x", "y"}, "nil": nil,
	}).Info("fields")
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	attributes := otlpreceiver.Attributes(receiver.WaitRecord(t, patience, "fields").GetAttributes())
	for name, want := range map[string]string{
		"text": "a", "bool": "bool_value:true", "int": "int_value:1", "int64": "int_value:2", "float": "double_value:0.5",
		"wait": "3s", "error": "broken", "time": "1970-01-01T00:00:00Z", "list": "[x y]", "nil": "<nil>",
		"code.function.name": "github.com/podinfo-targets/podinfo/shared/telemetry_test.TestLogFields",
	} {
		if got := attributes[name]; got != want {
			t.Errorf("the field %s arrives as %q, want %q", name, got, want)
		}
	}
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	log := newLog(io.Discard)
	log.SetLevel(logrus.DebugLevel)
	log.ExitFunc = func(int) {}
	p := start(t, telemetry.Options{Exporters: overHTTP(receiver.HTTP()), Log: log})
	log.Trace("below the level")
	for _, level := range logrus.AllLevels[1:] { // all but panic
		log.Log(level, level.String())
	}
	if err := p.Shutdown(bounded(t)); err != nil {
		t.Fatal(err)
	}
	for level, want := range map[string]logs.SeverityNumber{
		"debug":   logs.SeverityNumber_SEVERITY_NUMBER_DEBUG,
		"info":    logs.SeverityNumber_SEVERITY_NUMBER_INFO,
		"warning": logs.SeverityNumber_SEVERITY_NUMBER_WARN,
		"error":   logs.SeverityNumber_SEVERITY_NUMBER_ERROR,
		"fatal":   logs.SeverityNumber_SEVERITY_NUMBER_FATAL,
	} {
		if got := receiver.WaitRecord(t, patience, level).GetSeverityNumber(); got != want {
			t.Errorf("the level %s arrives as %v, want %v", level, got, want)
		}
	}
	for _, record := range receiver.Records() {
		if text := record.GetBody().GetStringValue(); text == "below the level" || text == "trace" {
			t.Errorf("the record %q arrives though it is below the log's level", text)
		}
	}
	log.Info("after the end") // must not block or panic
}
