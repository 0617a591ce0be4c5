package launch

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
)

// record is a log that keeps its lines as "level message", and a clock for what is written to it.
func record(t testing.TB) (*output, *time.Time, func() []string) {
	t.Helper()
	log, hook := test.NewNullLogger()
	log.SetLevel(logrus.TraceLevel)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := newOutput(log.WithField("plugin", "protocol-rpc-x"))
	o.now = func() time.Time { return now }
	return o, &now, func() []string {
		var lines []string
		for _, entry := range hook.AllEntries() {
			lines = append(lines, entry.Level.String()+" "+entry.Message)
		}
		return lines
	}
}

func TestLinesKeepTheirLevel(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, written string
		want          []string
	}{
		{"plain", "hello\n", []string{"info hello"}},
		{"two, the second without an end", "a\nb", []string{"info a", "info b"}},
		{"empty lines", "\n\n\r\n", nil},
		{"carriage return", "a\r\n", []string{"info a"}},
		{"hclog", `{"@level":"warn","@message":"low","@timestamp":"x","left":3}` + "\n", []string{"warning low"}},
		{"trace", `{"@level":"trace","@message":"m"}` + "\n", []string{"debug m"}},
		{"debug", `{"@level":"debug","@message":"m"}` + "\n", []string{"debug m"}},
		{"error", `{"@level":"error","@message":"m"}` + "\n", []string{"error m"}},
		{"unknown level", `{"@level":"fatal","@message":"m"}` + "\n", []string{"info m"}},
		{"level of another type", `{"@level":[1],"@message":"m"}` + "\n", []string{"info m"}},
		{"message of another type", `{"@message":5}` + "\n", []string{`info {"@message":5}`}},
		{"other JSON", `{"a":1}` + "\n", []string{`info {"a":1}`}},
		{"broken JSON", `{"@message":` + "\n", []string{`info {"@message":`}},
		{"tag", "[WARN] careful\n", []string{"warning careful"}},
		{"tag of package log", "2026/11/23 06:06:58 [DEBUG] plugin: x\n", []string{"debug plugin: x"}},
		{"tag of yamux", "2026/11/23 06:06:58 [ERR] yamux: x\n", []string{"error yamux: x"}},
		{"tag further on", "see [DEBUG] x\n", []string{"info see [DEBUG] x"}},
		{"panic", "before\npanic: oh\n\ngoroutine 1\n", []string{"info before", "error panic: oh", "error goroutine 1"}},
		{"panic of one call", "[ERROR] panic: oh\n[ERROR] goroutine 1\n[ERROR] \tx.go:1\nafter\n", []string{
			"error panic: oh", "error goroutine 1", "error \tx.go:1", "info after",
		}},
		{"fatal", "fatal error: oh\nmore\n", []string{"error fatal error: oh", "error more"}},
		{"no thread for C", "runtime/cgo: pthread_create failed\nSIGABRT: abort\n", []string{
			"error runtime/cgo: pthread_create failed", "error SIGABRT: abort",
		}},
		{"signal in C", "SIGSEGV: segmentation violation\n", []string{"error SIGSEGV: segmentation violation"}},
		{"signal that it takes", "SIGTERM: leaving\n", []string{"info SIGTERM: leaving"}},
		{"not UTF-8", "a\xff\n", []string{"info a�"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o, _, lines := record(t)
			w := o.writer("stderr")
			if n, err := w.Write([]byte(tc.written)); n != len(tc.written) || err != nil {
				t.Errorf("Write returned %d, %v", n, err)
			}
			w.flush()
			if got := lines(); !slices.Equal(got, tc.want) {
				t.Errorf("logged %q, want %q", got, tc.want)
			}
		})
	}
}

func TestLastWordsSayWhyAProcessDies(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"":                                    "",
		"hello\nbye\n":                        `: "bye"`,
		"panic: oh\n\ngoroutine 1\n":          `: "panic: oh"`,
		"runtime/cgo: no\nSIGABRT: abort\nx":  `: "runtime/cgo: no"`,
		"SIGSEGV: segmentation violation\nPC": `: "SIGSEGV: segmentation violation"`,
	} {
		o, _, _ := record(t)
		w := o.writer("stderr")
		_, _ = io.WriteString(w, written)
		w.flush()
		if got := o.lastWords(); got != want {
			t.Errorf("the last words of %q are %s, want %s", written, got, want)
		}
	}
}

func TestFieldsOfALineAreKept(t *testing.T) {
	t.Parallel()
	log, hook := test.NewNullLogger()
	o := newOutput(log.WithField("plugin", "protocol-rpc-x"))
	fmt.Fprintln(o.writer("stderr"), `{"@level":"info","@message":"m","plugin":"another","level":"x"}`)
	entry := hook.LastEntry()
	details, _ := entry.Data["details"].(map[string]any)
	want := map[string]any{"plugin": "another", "level": "x"}
	if entry.Data["plugin"] != "protocol-rpc-x" || !maps.Equal(details, want) {
		t.Errorf("the fields are %v", entry.Data)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	t.Parallel()
	o, _, lines := record(t)
	w := o.writer("stderr")
	for range 100 {
		fmt.Fprint(w, strings.Repeat("x", 1000))
	}
	fmt.Fprintln(w, "\nnext")
	want := []string{"info " + strings.Repeat("x", longestLine) + "…", "info next"}
	if got := lines(); !slices.Equal(got, want) {
		t.Errorf("logged %.100q, want a line of %d bytes and the next", got, longestLine)
	}
	if cap(w.line) > 2*longestLine {
		t.Errorf("%d bytes are kept", cap(w.line))
	}
}

func TestFloodIsCounted(t *testing.T) {
	t.Parallel()
	o, now, lines := record(t)
	w := o.writer("stderr")
	for range linesInSecond + 50 {
		fmt.Fprintln(w, "x")
	}
	if n := len(lines()); n != linesInSecond {
		t.Errorf("%d lines in a second were logged, want %d", n, linesInSecond)
	}
	*now = now.Add(time.Second)
	fmt.Fprintln(w, "later")
	if got := lines()[linesInSecond:]; len(got) != 2 || !strings.HasPrefix(got[0], "warning The plugin wrote more") ||
		got[1] != "info later" {
		t.Errorf("after the flood was logged: %q", got)
	}
	for range linesInSecond {
		fmt.Fprintln(w, "x")
	}
	o.close()
	if got := lines(); !strings.HasPrefix(got[len(got)-1], "warning The plugin wrote more") {
		t.Errorf("the last line is %q, want the count of the last second", got[len(got)-1])
	}
}

func FuzzOutput(f *testing.F) {
	f.Add("hello\nworld", 3)
	f.Add(`{"@message":5,"@level":{}}`+"\n", 1)
	f.Add(`{"@message":"m","@level":"warn","k":[{}]}`+"\n", 7)
	f.Fuzz(func(t *testing.T, written string, cut int) {
		o, _, lines := record(t)
		w := o.writer("stderr")
		cut = min(max(cut, 0), len(written))
		for _, part := range []string{written[:cut], written[cut:]} {
			if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatalf("Write returned %d, %v", n, err)
			}
		}
		w.flush()
		for _, line := range lines() {
			if len(line) > 4*longestLine {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	})
}
