package emf_test

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/targets/lambda/emf"
	"github.com/podinfo-targets/podinfo/targets/lambda/emf/emftest"
)

// requestSets is what one request is recorded as.
func requestSets() []emf.Set {
	status := emf.Dimension{Name: "status", Value: "200"}
	return []emf.Set{{
		Dimensions: []emf.Dimension{{Name: "method", Value: "GET"}, {Name: "path", Value: "version"}, status},
		Metrics:    []emf.Metric{{Name: "http_request_duration_seconds", Unit: emf.Seconds, Value: 0.000012}},
	}, {
		Dimensions: []emf.Dimension{status},
		Metrics:    []emf.Metric{{Name: "http_requests_total", Unit: emf.Count, Value: 1}},
	}}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := emf.NewWriter(&out, "podinfo").Write(time.UnixMilli(1574109732004), requestSets(),
		emf.Property{Name: "requestId", Value: "989ffbf8"}, emf.Property{Name: "cold_start", Value: true})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"_aws":{"Timestamp":1574109732004,"CloudWatchMetrics":[` +
		`{"Namespace":"podinfo","Dimensions":[["method","path","status"]],` +
		`"Metrics":[{"Name":"http_request_duration_seconds","Unit":"Seconds"}]},` +
		`{"Namespace":"podinfo","Dimensions":[["status"]],"Metrics":[{"Name":"http_requests_total","Unit":"Count"}]}]},` +
		`"method":"GET","path":"version","status":"200","http_request_duration_seconds":0.000012,` +
		`"http_requests_total":1,"requestId":"989ffbf8","cold_start":true}` + "\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	hostile := "a \"b\" \\ \n\x00\xff <é>"
	for name, write := range map[string]func(*emf.Writer) error{
		"a request": func(w *emf.Writer) error { return w.Write(time.Now(), requestSets()) },
		"no dimensions": func(w *emf.Writer) error {
			return w.Write(time.Now(), []emf.Set{{Metrics: []emf.Metric{{Name: "n", Unit: emf.Count, Value: 1e21}}}})
		},
		"text that needs escapes": func(w *emf.Writer) error {
			return w.Write(time.Now(), []emf.Set{{
				Dimensions: []emf.Dimension{{Name: "d", Value: hostile}},
				Metrics:    []emf.Metric{{Name: "n", Unit: emf.Seconds, Value: 1e-9}},
			}}, emf.Property{Name: "p", Value: hostile})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := write(emf.NewWriter(&out, "podinfo")); err != nil {
				t.Fatal(err)
			}
			if _, err := emftest.Parse(out.Bytes()); err != nil {
				t.Errorf("%v: %s", err, &out)
			}
		})
	}
}

// pieces fails the test when a document is not written in one call.
type pieces struct {
	t     *testing.T
	lines int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.lines++
	if !json.Valid(b) || bytes.IndexByte(b, '\n') != len(b)-1 {
		p.t.Errorf("this is not one whole line: %q", b)
	}
	return len(b), nil
}

func TestLinesAreWhole(t *testing.T) {
	t.Parallel()
	const workers, rounds = 8, 50
	out := &pieces{t: t}
	w := emf.NewWriter(out, "podinfo")
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				_ = w.Write(time.Now(), requestSets())
			}
		})
	}
	wg.Wait()
	if out.lines != workers*rounds {
		t.Errorf("%d lines for %d documents", out.lines, workers*rounds)
	}
}

func TestErrorOfTheWriterIsReturned(t *testing.T) {
	t.Parallel()
	reader, out := io.Pipe()
	_ = reader.Close()
	if err := emf.NewWriter(out, "podinfo").Write(time.Now(), requestSets()); err == nil {
		t.Error("no error from a writer that is closed")
	}
}

func BenchmarkWrite(b *testing.B) {
	w := emf.NewWriter(io.Discard, "podinfo")
	sets := requestSets()
	b.ReportAllocs()
	for b.Loop() {
		_ = w.Write(time.Now(), sets, emf.Property{Name: "requestId", Value: "989ffbf8-9ace-4817-a57c-e4dd734019ee"})
	}
}
