package cloudfunctions

import (
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

const (
	cloudTraceID = "105445aa7843bc8bf206b12000100000"
	w3cTraceID   = "4bf92f3577b34da6a3ce929d0e0e4736"
	w3cParent    = "00-" + w3cTraceID + "-00f067aa0ba902b7-01"
)

func TestParseCloudTrace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value, trace, span string // no trace: nothing is continued
		sampled            bool
	}{
		{cloudTraceID + "/1;o=1", cloudTraceID, "0000000000000001", true},
		{cloudTraceID + "/74;o=0", cloudTraceID, "000000000000004a", false},
		{cloudTraceID + "/74", cloudTraceID, "000000000000004a", false},
		{cloudTraceID + "/18446744073709551615;o=1", cloudTraceID, "ffffffffffffffff", true},
		{"105445AA7843BC8BF206B12000100000/1;o=1", cloudTraceID, "0000000000000001", true},
		{value: ""},
		{value: cloudTraceID},
		{value: cloudTraceID + "/"},
		{value: cloudTraceID + "/0;o=1"},
		{value: cloudTraceID + "/-1;o=1"},
		{value: cloudTraceID + "/18446744073709551616;o=1"},
		{value: cloudTraceID + "/4a;o=1"},
		{value: "105445aa7843bc8bf206b120001000/1;o=1"},
		{value: "00000000000000000000000000000000/1;o=1"},
		{value: "105445aa7843bc8bf206b1200010000g/1;o=1"},
		{value: "/1;o=1"},
	}
	for _, tt := range tests {
		got := parseCloudTrace(tt.value)
		if tt.trace == "" {
			if got.IsValid() {
				t.Errorf("%q gives the trace %s, want none", tt.value, got.TraceID())
			}
			continue
		}
		if got.TraceID().String() != tt.trace || got.SpanID().String() != tt.span || got.IsSampled() != tt.sampled ||
			!got.IsRemote() {
			t.Errorf("%q gives %s/%s, sampled %t", tt.value, got.TraceID(), got.SpanID(), got.IsSampled())
		}
	}
}

func TestTheStandardHeaderWins(t *testing.T) {
	t.Parallel()
	const cloud = cloudTraceID + "/1;o=1"
	tests := []struct{ name, parent, cloud, want string }{
		{"both", w3cParent, cloud, w3cTraceID},
		{"traceparent only", w3cParent, "", w3cTraceID},
		{"X-Cloud-Trace-Context only", "", cloud, cloudTraceID},
		{"a broken traceparent", "00-nonsense", cloud, cloudTraceID},
		{"none", "", "", trace.TraceID{}.String()},
	}
	for _, tt := range tests {
		header := http.Header{}
		header.Set("Traceparent", tt.parent)
		header.Set(cloudTraceHeader, tt.cloud)
		got := trace.SpanContextFromContext(withTrace(t.Context(), header))
		if got.TraceID().String() != tt.want {
			t.Errorf("%s: the trace is %s, want %s", tt.name, got.TraceID(), tt.want)
		}
	}
}

// FuzzCloudTrace holds that whatever the header says, there is a valid parent from somewhere else, or none.
func FuzzCloudTrace(f *testing.F) {
	f.Add(cloudTraceID + "/1;o=1")
	f.Add("/;o=")
	f.Fuzz(func(t *testing.T, value string) {
		if got := parseCloudTrace(value); got.IsValid() && !got.IsRemote() {
			t.Errorf("%q gives a parent that is not remote", value)
		}
	})
}
