package main

import (
	"context"
	"time"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/targets/lambda/emf"
)

// recorder gives CloudWatch each request that Prometheus would find in a scrape, under the same names and with the same
// labels. What tells the single request apart, and where it was served, are properties: as dimensions they would make
// every request a metric of its own.
type recorder struct{ out *emf.Writer }

func (r recorder) observe(ctx context.Context, o telemetry.Observation) {
	status := emf.Dimension{Name: "status", Value: o.Status}
	sets := []emf.Set{{
		Dimensions: []emf.Dimension{status},
		Metrics:    []emf.Metric{{Name: "http_requests_total", Unit: emf.Count, Value: 1}},
	}}
	if o.Timed {
		sets = append(sets, emf.Set{
			Dimensions: []emf.Dimension{{Name: "method", Value: o.Method}, {Name: "path", Value: o.Path}, status},
			Metrics:    []emf.Metric{{Name: "http_request_duration_seconds", Unit: emf.Seconds, Value: o.Seconds}},
		})
	}
	// Nobody can be told that standard output is gone.
	_ = r.out.Write(time.Now(), sets, properties(ctx)...)
}

// properties says which invocation a request was, under the names that its log lines have too.
func properties(ctx context.Context) []emf.Property {
	inv := invocationOf(ctx)
	if inv == nil {
		return nil
	}
	list := []emf.Property{{Name: "cold_start", Value: inv.cold}}
	for name, value := range inv.ids(ctx) {
		list = append(list, emf.Property{Name: name, Value: value})
	}
	return list
}
