package logging_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/logging"
)

// at is a fixed time, in a zone other than UTC.
var at = time.Date(2026, 11, 22, 11, 28, 41, 123_999_999, time.FixedZone("CET", 3600))

func TestLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(&out, "debug")
	_, _, above, _ := runtime.Caller(0)
	log.WithTime(at).WithFields(logrus.Fields{"z": 1, "a": "b"}).Warn("cache get failed")
	want := fmt.Sprintf(`{"level":"warn","ts":"2026-11-22T10:28:41.123Z","caller":"logging/logging_test.go:%d",`+
		`"msg":"cache get failed","a":"b","z":1}`+"\n", above+1)
	if out.String() != want {
		t.Errorf("the line is\n%swant\n%s", out.String(), want)
	}
}

func TestTimeIsNow(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	before := time.Now().Truncate(time.Millisecond)
	logging.New(&out, "info").Info("now")
	text, _ := decode(t, out.Bytes())["ts"].(string)
	ts, err := time.Parse("2006-01-02T15:04:05.000Z", text)
	if err != nil || ts.Before(before) || ts.After(time.Now()) {
		t.Errorf("ts is %q (%v), want a time from %s to now", text, err, before)
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	tests := []struct{ level, lowest string }{
		{"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}, {"fatal", "fatal"},
		{"panic", "panic"}, {"DEBUG", "debug"}, {" warn\n", "warn"},
		{"", "info"}, {"loud", "info"}, {"trace", "info"}, {"warning", "info"},
	}
	all := []logrus.Level{
		logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel, logrus.DebugLevel,
		logrus.TraceLevel,
	}
	for _, tt := range tests {
		t.Run(strconv.Quote(tt.level), func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log := logging.New(&out, tt.level)
			for _, level := range all {
				log.Log(level, "x") // Log neither panics nor exits.
			}
			lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
			if got := decode(t, lines[len(lines)-1])["level"]; got != tt.lowest {
				t.Errorf("the lowest level that is logged is %v, want %s", got, tt.lowest)
			}
		})
	}
}

// The stack leads to the line that logged, whichever way it did, and says nothing of logrus.
func TestStack(t *testing.T) {
	t.Parallel()
	ways := map[string]func(*logrus.Logger){
		"Error":           func(log *logrus.Logger) { log.Error("x") },
		"Errorf":          func(log *logrus.Logger) { log.Errorf("%s", "x") },
		"WithField.Error": func(log *logrus.Logger) { log.WithField("a", "b").Error("x") },
		"WithError.Error": func(log *logrus.Logger) { log.WithError(io.EOF).Error("x") },
		"Log":             func(log *logrus.Logger) { log.Log(logrus.FatalLevel, "x") },
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			way(logging.New(&out, "info"))
			entry := decode(t, out.Bytes())
			caller, _ := entry["caller"].(string)
			stack, _ := entry["stacktrace"].(string)
			if !strings.HasPrefix(caller, "logging/logging_test.go:") {
				t.Errorf("caller is %q, want the place in this file", caller)
			}
			frames := strings.Split(stack, "\n")
			if !strings.Contains(frames[0], "TestStack.func") || !strings.HasSuffix(frames[1], caller) {
				t.Errorf("the stack begins with %q, want the frame that logged, at %s", frames[:2], caller)
			}
			if strings.Contains(stack, "logrus.(") || !strings.Contains(stack, "testing.tRunner") {
				t.Errorf("want the stack from the caller outwards without logrus, got\n%s", stack)
			}
		})
	}
}

func TestNoStackBelowError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logging.New(&out, "debug").Warn("x")
	if stack, found := decode(t, out.Bytes())["stacktrace"]; found {
		t.Errorf("a warning has the stack %v, want none", stack)
	}
}

// A caller that was set by hand belongs to another stack than the one at hand.
func TestNoForeignStack(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	entry := logrus.NewEntry(logging.New(&out, "info"))
	entry.Caller = &runtime.Frame{Function: "other", File: "/src/other/file.go", Line: 7}
	entry.Error("x")
	got := decode(t, out.Bytes())
	if got["caller"] != "other/file.go:7" || got["stacktrace"] != nil {
		t.Errorf("got caller %v and stack %v, want other/file.go:7 and none", got["caller"], got["stacktrace"])
	}
}

func TestPanicStillPanics(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(&out, "info")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("Panic came back, want a panic")
			}
		}()
		log.Panic("the end")
	}()
	if got := decode(t, out.Bytes()); got["level"] != "panic" || got["msg"] != "the end" {
		t.Errorf("the line is %v", got)
	}
}

func TestFatalExits(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(&out, "info")
	code := -1
	log.ExitFunc = func(c int) { code = c }
	log.Fatal("the end")
	if got := decode(t, out.Bytes()); code != 1 || got["level"] != "fatal" || got["stacktrace"] == nil {
		t.Errorf("exit %d with the line %v, want 1 and a fatal line with its stack", code, got)
	}
}

type broken struct{}

func (*broken) Error() string { panic("no text") }

type brokenJSON struct{}

func (brokenJSON) MarshalJSON() ([]byte, error) { panic("no JSON") }

type color int

func (color) String() string { return "red" }

func TestFieldValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		value any
		want  string // the text after the key
	}{
		{"text", "a", `"a"`},
		{"quotes and controls", "\"\\\n\t\r\x00\x1b[31m\x7f", `"\"\\\n\t\u000d\u0000\u001b[31m\u007f"`},
		{"invalid UTF-8", "a\xffb", "\"a\ufffdb\""},
		{"HTML", "<a&b>", `"<a&b>"`},
		{"beyond ASCII", "é世😀", `"é世😀"`},
		{"nil", nil, `null`},
		{"bool", true, `true`},
		{"int", -1, `-1`},
		{"int64", int64(math.MinInt64), `-9223372036854775808`},
		{"uint64", uint64(math.MaxUint64), `18446744073709551615`},
		{"uint16", uint16(7), `7`},
		{"float", 1.5, `1.5`},
		{"large float", 1e21, `1000000000000000000000`},
		{"not a number", math.NaN(), `"NaN"`},
		{"infinite", math.Inf(-1), `"-Inf"`},
		{"duration", 1500 * time.Millisecond, `1.5`},
		{"time", at, `"2026-11-22T10:28:41.123Z"`},
		{"error", errors.New("it is <broken>"), `"it is <broken>"`},
		{"wrapped error", fmt.Errorf("open: %w", io.EOF), `"open: EOF"`},
		{"error that panics", (*broken)(nil), `"<nil>"`},
		{"JSON that panics", brokenJSON{}, `"logging_test.brokenJSON"`},
		{"stringer", color(1), `"red"`},
		{"address", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, `"127.0.0.1:80"`},
		{"text marshaler", net.IPv4(127, 0, 0, 1), `"127.0.0.1"`},
		{"URL", &url.URL{Scheme: "redis", User: url.UserPassword("u", "s3cret"), Host: "h:1"}, `"redis://u:xxxxx@h:1"`},
		{"list", []string{"a", "b"}, `["a","b"]`},
		{"map", map[string]int{"b": 1, "a": 2}, `{"a":2,"b":1}`},
		{"raw JSON over lines", json.RawMessage("{\n\"a\":\n1}"), `{"a":1}`},
		{"what JSON does not have", complex(1, 2), `"(1+2i)"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			logging.New(&out, "info").WithField("value", tt.value).Info("x")
			decode(t, out.Bytes())
			if want := `,"value":` + tt.want + "}\n"; !strings.HasSuffix(out.String(), want) {
				t.Errorf("%#v is logged as %s, want it to end in %s", tt.value, out.String(), want)
			}
		})
	}
}

// A field that is called as a part of the line is must not be mistaken for it.
func TestFieldClash(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logging.New(&out, "info").WithFields(logrus.Fields{"level": "high", "msg": 1, "stacktrace": "s"}).Info("x")
	got := decode(t, out.Bytes())
	if got["level"] != "info" || got["msg"] != "x" || got["fields.level"] != "high" || got["fields.msg"] != 1.0 {
		t.Errorf("the line is %s", out.String())
	}
	for _, key := range []string{`"level":`, `"msg":`} {
		if n := strings.Count(out.String(), key); n != 1 {
			t.Errorf("the key %s stands %d times in %s", key, n, out.String())
		}
	}
}

// The layout of a platform: other names, other levels, and parts left out.
func TestLayout(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.NewWithLayout(&out, "info", logging.Layout{
		Level: "severity", Time: "time", Message: "message", Stack: "stack_trace",
		LevelName: func(level logrus.Level) string { return strings.ToUpper(level.String()) },
	})
	log.WithTime(at).WithField("msg", "mine").Warn("x")
	want := `{"severity":"WARNING","time":"2026-11-22T10:28:41.123Z","message":"x","msg":"mine"}` + "\n"
	if out.String() != want {
		t.Errorf("the line is\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	log.Error("x")
	if got := decode(t, out.Bytes()); got["stack_trace"] == nil {
		t.Errorf("an error has no stack: %s", out.String())
	}
}

// Lines of many goroutines must not run into each other, and none may get lost.
func TestConcurrentLines(t *testing.T) {
	t.Parallel()
	const writers, lines = 8, 200
	var out bytes.Buffer
	log := logging.New(&out, "info")
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			for i := range lines {
				log.WithFields(logrus.Fields{"writer": writer, "i": i}).Warn(strings.Repeat("x", i))
			}
		})
	}
	group.Wait()
	count := 0
	for line := range bytes.Lines(out.Bytes()) {
		decode(t, line)
		count++
	}
	if count != writers*lines {
		t.Errorf("%d lines were written, want %d", count, writers*lines)
	}
}

// Code on the hot path logs at debug and relies on that costing nothing to speak of.
func TestDisabledLevelIsCheap(t *testing.T) {
	log := logging.New(io.Discard, "info")
	if got := testing.AllocsPerRun(100, func() { log.Debug("x") }); got != 0 {
		t.Errorf("a line below the level makes %v allocations, want none", got)
	}
}

func BenchmarkDisabled(b *testing.B) {
	log := logging.New(io.Discard, "info")
	b.ReportAllocs()
	for b.Loop() {
		log.Debug("x")
	}
}

func BenchmarkInfo(b *testing.B) {
	log := logging.New(io.Discard, "info")
	b.ReportAllocs()
	for b.Loop() {
		log.WithFields(logrus.Fields{"status": 200, "uri": "/version"}).Info("request served")
	}
}

// FuzzMessage holds that any message and any field make one line of JSON that reads back as what was logged.
func FuzzMessage(f *testing.F) {
	f.Add("hello", "key", "value")
	f.Add("\x00\xff\"\\\n", "msg", "\u2028<>&")
	f.Fuzz(func(t *testing.T, message, key, value string) {
		var out bytes.Buffer
		logging.New(&out, "info").WithField(key, value).Info(message)
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 {
			t.Errorf("%q makes %d lines", message, n)
		}
		encoded, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(encoded, &want); err != nil {
			t.Fatal(err)
		}
		if got := decode(t, out.Bytes())["msg"]; got != want {
			t.Errorf("the message %q reads back as %q, want %q", message, got, want)
		}
	})
}

func decode(t *testing.T, line []byte) map[string]any {
	t.Helper()
	var entry map[string]any
	if err := json.Unmarshal(line, &entry); err != nil {
		t.Fatalf("not a line of JSON: %v\n%s", err, line)
	}
	return entry
}
