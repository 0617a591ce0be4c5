package telemetry_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

// TestBytesThatAreNoText puts them wherever a client's bytes may get to. One bad string must not cost the batch.
func TestBytesThatAreNoText(t *testing.T) {
	t.Parallel()
	const bytes, want = "a\xff\xfeb\xc0", "a\uFFFDb\uFFFD"
	for name, exporters := range map[string]func(*otlpreceiver.Receiver) telemetry.Exporters{
		"grpc": func(r *otlpreceiver.Receiver) telemetry.Exporters { return overGRPC(r.GRPC()) },
		"http": func(r *otlpreceiver.Receiver) telemetry.Exporters { return overHTTP(r.HTTP()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := otlpreceiver.Start(t)
			log := newLog(io.Discard)
			p := start(t, telemetry.Options{Exporters: exporters(receiver), Log: log})
			_, span := p.TracerProvider().Tracer("test").Start(t.Context(), bytes,
				trace.WithAttributes(attribute.String("key", bytes), attribute.Int("number", 7)))
			span.RecordError(errors.New(bytes))
			span.SetStatus(codes.Error, bytes)
			span.End()
			get(t, p.Handler("/cache/{key}", answer(http.StatusOK)), "/cache/%ff", http.Header{"User-Agent": {bytes}})
			log.WithField("text", bytes).WithError(errors.New(bytes)).Warn(bytes)
			if err := p.Shutdown(bounded(t)); err != nil {
				t.Fatal(err)
			}
			got := receiver.WaitSpan(t, patience, want)
			attributes := otlpreceiver.Attributes(got.GetAttributes())
			if attributes["key"] != want || attributes["number"] != "int_value:7" || got.GetStatus().GetMessage() != want {
				t.Errorf("the span has the attributes %v and the status %v", attributes, got.GetStatus())
			}
			if event := otlpreceiver.Attributes(got.GetEvents()[0].GetAttributes()); event["exception.message"] != want {
				t.Errorf("the span's error is %v", event)
			}
			request := otlpreceiver.Attributes(receiver.WaitSpan(t, patience, "GET /cache/{key}").GetAttributes())
			if request["url.path"] != "/cache/\uFFFD" || request["user_agent.original"] != want {
				t.Errorf("the request's span has the attributes %v", request)
			}
			record := otlpreceiver.Attributes(receiver.WaitRecord(t, patience, want).GetAttributes())
			if record["text"] != want || record["error"] != want {
				t.Errorf("the log record has the attributes %v", record)
			}
		})
	}
}

// TestBaggageThatCannotBeRead sends baggage beyond all rules and limits. What can be read of it comes through, and
// nothing is reported to OpenTelemetry's global handler, which TestMain makes fail.
func TestBaggageThatCannotBeRead(t *testing.T) {
	t.Parallel()
	p := start(t, telemetry.Options{})
	parent := http.Header{"Ot-Tracer-Traceid": {traceID[16:]}, "Ot-Tracer-Spanid": {spanID}}
	for _, c := range []struct {
		name   string
		header http.Header
		want   string // a part of what the backend gets
	}{
		{name: "bytes", header: http.Header{"Baggage": {"a=\xff,good=1"}}, want: "good=1"},
		{name: "escaped bytes", header: http.Header{"Baggage": {"a=%ff,good=1"}}, want: "good=1"},
		{name: "no members", header: http.Header{"Baggage": {"=,;,=;", "good=1"}}, want: "good=1"},
		{name: "two headers", header: http.Header{"Baggage": {"a=b", "good=1"}}, want: "good=1"},
		{name: "too many", header: http.Header{"Baggage": {"good=1," + strings.Repeat("a=b,", 500)}}, want: "good=1"},
		{name: "too long", header: http.Header{"Baggage": {"good=1", strings.Repeat("a", 9000) + "=b"}}},
		{name: "ottrace", header: http.Header{"Ot-Baggage-A": {"\xff"}, "Ot-Baggage-Good": {"1"}}, want: "good=1"},
		{name: "ottrace escapes", header: http.Header{"Ot-Baggage-A": {"%ff"}, "Ot-Baggage-Good": {"1"}}, want: "good=1"},
		{name: "ottrace no name", header: http.Header{"Ot-Baggage-": {"a"}, "Ot-Baggage-Good": {"1"}}, want: "good=1"},
		{name: "ottrace too long", header: http.Header{"Ot-Baggage-A": {strings.Repeat("a", 9000)}}},
		{name: "ottrace too many", header: manyFields(200), want: "a=b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			maps.Copy(c.header, parent)
			url, headers := backend(t)
			callThrough(t, p, url, c.header)
			if got := (<-headers).Get("Baggage"); !strings.Contains(got, c.want) || len(got) > 8192 {
				t.Errorf("the backend gets %d bytes of baggage, %.100q, want %q in it", len(got), got, c.want)
			}
		})
	}
}

func manyFields(n int) http.Header {
	header := http.Header{}
	for i := range n {
		header["Ot-Baggage-"+strings.Repeat("a", i+1)] = []string{"b"}
	}
	return header
}
