package main

import (
	"bytes"
	"maps"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/targets/lambda/emf"
	"github.com/podinfo-targets/podinfo/targets/lambda/emf/emftest"
)

func TestRecorder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	record := recorder{emf.NewWriter(&out, "podinfo")}
	record.observe(withInvocation(invoked(t, xrayHeader), true), telemetry.Observation{
		Method: "GET", Path: "version", Status: "200", Seconds: 0.25, Timed: true,
	})
	d, err := emftest.Parse(out.Bytes())
	if err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	took, total := d.Metrics["http_request_duration_seconds"], d.Metrics["http_requests_total"]
	if took.Namespace != "podinfo" || took.Unit != "Seconds" || took.Value != 0.25 ||
		!maps.Equal(took.Dimensions, map[string]string{"method": "GET", "path": "version", "status": "200"}) {
		t.Errorf("the duration is %+v", took)
	}
	if total.Namespace != "podinfo" || total.Unit != "Count" || total.Value != 1 ||
		!maps.Equal(total.Dimensions, map[string]string{"status": "200"}) {
		t.Errorf("the count is %+v", total)
	}
	for name, want := range map[string]any{
		"cold_start": true, "requestId": requestID, "trace_id": w3cTraceID, "xray_trace_id": xrayTraceID,
	} {
		if d.Members[name] != want {
			t.Errorf("the property %s is %v, want %v", name, d.Members[name], want)
		}
	}
}

// TestWhatIsNotTimedIsOnlyCounted is about requests whose length says nothing about latency.
func TestWhatIsNotTimedIsOnlyCounted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	recorder{emf.NewWriter(&out, "podinfo")}.observe(t.Context(), telemetry.Observation{
		Method: "GET", Path: "ws_echo", Status: "101",
	})
	d, err := emftest.Parse(out.Bytes())
	if _, counted := d.Metrics["http_requests_total"]; err != nil || !counted || len(d.Metrics) != 1 {
		t.Errorf("%v: the metrics are %v", err, d.Metrics)
	}
}
