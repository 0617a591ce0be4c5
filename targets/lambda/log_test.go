package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/logging"
)

// written returns a logger as the function has it, and what it writes.
func written() (*logrus.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	log := logging.NewWithLayout(&out, "debug", layout())
	log.ReplaceHooks(withIDs(log.Hooks))
	return log, &out
}

func members(t *testing.T, line *bytes.Buffer) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(line.Bytes(), &m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return m
}

// TestLinesAreThoseOfLambda looks for the members by which Lambda and its users find lines.
func TestLinesAreThoseOfLambda(t *testing.T) {
	t.Parallel()
	log, out := written()
	log.WithContext(withInvocation(invoked(t, xrayHeader), false)).WithField("file", "x").Error("reading file failed")
	got := members(t, out)
	for name, want := range map[string]any{
		"level": "error", "message": "reading file failed", "file": "x",
		"requestId": requestID, "trace_id": w3cTraceID, "xray_trace_id": xrayTraceID,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for _, name := range []string{"timestamp", "caller", "stackTrace"} {
		if text, _ := got[name].(string); text == "" {
			t.Errorf("the line has no %s: %s", name, out)
		}
	}
}

func TestLinesOutsideOfInvocations(t *testing.T) {
	t.Parallel()
	log, out := written()
	log.WithContext(t.Context()).Info("starting")
	log.Info("starting")
	if text := out.String(); strings.Contains(text, "requestId") || strings.Contains(text, "trace_id") {
		t.Errorf("these lines belong to no invocation: %s", text)
	}
}

func TestFieldsOfALineAreKept(t *testing.T) {
	t.Parallel()
	log, out := written()
	log.WithContext(withInvocation(invoked(t, xrayHeader), false)).WithField("trace_id", "its own").Info("")
	if got := members(t, out)["trace_id"]; got != "its own" {
		t.Errorf("trace_id is %v", got)
	}
}

// hook notes what it is shown.
type hook struct{ data logrus.Fields }

func (*hook) Levels() []logrus.Level       { return logrus.AllLevels }
func (h *hook) Fire(e *logrus.Entry) error { h.data = e.Data; return nil }

// TestOtherHooksSeeTheIDs is about the one that sends lines over OTLP, which is there first.
func TestOtherHooksSeeTheIDs(t *testing.T) {
	t.Parallel()
	log, other := logrus.New(), new(hook)
	log.SetOutput(io.Discard)
	log.AddHook(other)
	log.ReplaceHooks(withIDs(log.Hooks))
	log.WithContext(withInvocation(invoked(t, xrayHeader), false)).Info("")
	if other.data["requestId"] != requestID {
		t.Errorf("the hook saw %v", other.data)
	}
}

func TestLevelsAreThoseOfLambda(t *testing.T) {
	t.Parallel()
	for level, want := range map[logrus.Level]string{
		logrus.TraceLevel: "trace", logrus.DebugLevel: "debug", logrus.InfoLevel: "info", logrus.WarnLevel: "warn",
		logrus.ErrorLevel: "error", logrus.FatalLevel: "fatal", logrus.PanicLevel: "fatal",
	} {
		if got := levelName(level); got != want {
			t.Errorf("%s is called %s, want %s", level, got, want)
		}
	}
}

func TestLibraryLog(t *testing.T) {
	t.Parallel()
	log, out := written()
	library := libraryLog{log}
	_, _ = library.Write([]byte(`{"errorMessage":"x","errorType":"y"}` + "\n"))
	if out.Len() > 0 {
		t.Errorf("a failure is logged twice: %s", out)
	}
	for message, level := range map[string]string{
		"WARNING! Failed to register internal extension!": "warn", "failed to get the next invoke": "error",
	} {
		out.Reset()
		_, _ = library.Write([]byte(message + "\n"))
		if got := members(t, out); got["message"] != message || got["level"] != level {
			t.Errorf("want the level %s, got %s", level, out)
		}
	}
}

// halves writes what it gets in two parts, as a pipe does with what is longer than its buffer.
type halves struct{ to *bytes.Buffer }

func (h halves) Write(b []byte) (int, error) {
	n, _ := h.to.Write(b[:len(b)/2])
	m, _ := h.to.Write(b[len(b)/2:])
	return n + m, nil
}

// TestLinesComeInTurn writes to both ends of one pipe. The race detector sees it when they overlap.
func TestLinesComeInTurn(t *testing.T) {
	t.Parallel()
	const rounds = 100
	var pipe bytes.Buffer
	stdout, stderr := inTurn(halves{&pipe}, halves{&pipe})
	var wg sync.WaitGroup
	for out, line := range map[io.Writer]string{stdout: "metrics\n", stderr: "a line of the log\n"} {
		wg.Go(func() {
			for range rounds {
				_, _ = io.WriteString(out, line)
			}
		})
	}
	wg.Wait()
	for line := range strings.Lines(pipe.String()) {
		if line != "metrics\n" && line != "a line of the log\n" {
			t.Errorf("one line is in another: %q", line)
		}
	}
}
