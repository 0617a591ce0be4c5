package telemetry_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

// TestSinkGetsWhatPrometheusShows holds the two against each other: every observation has a series of its labels.
func TestSinkGetsWhatPrometheusShows(t *testing.T) {
	t.Parallel()
	var got []telemetry.Observation
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "the request's")
	m := telemetry.NewMetrics(telemetry.WithSink(func(ctx context.Context, o telemetry.Observation) {
		if ctx.Value(key{}) == nil {
			t.Errorf("%+v came with another context", o)
		}
		got = append(got, o)
	}))
	m.Route("/cache/{key}").Observe(ctx, http.MethodGet, http.StatusNotFound, 0.3)
	m.Route("/").Observe(ctx, "BREW", 1234, 11)
	m.Route("ws_echo").Count(ctx, http.MethodGet, http.StatusSwitchingProtocols)

	want := []telemetry.Observation{
		{Method: "GET", Path: "cache_key", Status: "404", Seconds: 0.3, Timed: true},
		{Method: "OTHER", Path: "root", Status: "unknown", Seconds: 11, Timed: true},
		{Method: "GET", Path: "ws_echo", Status: "101"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("the sink got %+v, want %+v", got, want)
	}
	_, text := scrape(t, m, http.MethodGet, nil)
	for _, o := range got {
		sum := fmt.Sprintf("http_request_duration_seconds_sum{method=%q,path=%q,status=%q} %v\n", o.Method, o.Path,
			o.Status, o.Seconds)
		if strings.Contains(text, sum) != o.Timed {
			t.Errorf("the scrape has %q: %t, want %t", sum, !o.Timed, o.Timed)
		}
		if total := fmt.Sprintf("http_requests_total{status=%q} 1\n", o.Status); !strings.Contains(text, total) {
			t.Errorf("the scrape lacks %q", total)
		}
	}
}

func TestSinkIsCalledOncePerRequest(t *testing.T) {
	t.Parallel()
	const workers, rounds = 8, 100
	var mu sync.Mutex
	calls := 0
	route := telemetry.NewMetrics(telemetry.WithSink(func(context.Context, telemetry.Observation) {
		mu.Lock()
		defer mu.Unlock()
		calls++
	})).Route("version")
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				route.Observe(t.Context(), http.MethodGet, http.StatusOK, 0.002)
			}
		})
	}
	wg.Wait()
	if calls != workers*rounds {
		t.Errorf("the sink was called %d times for %d requests", calls, workers*rounds)
	}
}

// TestSinkAllocatesNothing is not parallel: allocations of other tests would be counted.
func TestSinkAllocatesNothing(t *testing.T) {
	for name, option := range map[string]telemetry.MetricsOption{
		"nil":  telemetry.WithSink(nil),
		"sink": telemetry.WithSink(func(context.Context, telemetry.Observation) {}),
	} {
		route := telemetry.NewMetrics(option).Route("version")
		observe := func() {
			route.Observe(t.Context(), http.MethodGet, http.StatusOK, 0.001)
			route.Count(t.Context(), http.MethodGet, http.StatusSwitchingProtocols)
		}
		observe()
		if allocs := testing.AllocsPerRun(100, observe); allocs != 0 {
			t.Errorf("%s: recording a request allocates %v times, want 0", name, allocs)
		}
	}
}

func BenchmarkObserveWithSink(b *testing.B) {
	for name, sink := range map[string]func(context.Context, telemetry.Observation){
		"nil": nil, "sink": func(context.Context, telemetry.Observation) {},
	} {
		b.Run(name, func(b *testing.B) {
			route := telemetry.NewMetrics(telemetry.WithSink(sink)).Route("version")
			b.ReportAllocs()
			for b.Loop() {
				route.Observe(b.Context(), http.MethodGet, http.StatusOK, 0.001)
			}
		})
	}
}
