package telemetry_test

import (
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

// scrape returns the answer of the scrape handler to one request, its body decompressed when it came so.
func scrape(t testing.TB, m *telemetry.Metrics, method string, header http.Header) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// lines returns the lines of an exposition that start with one of the prefixes.
func lines(text string, prefixes ...string) string {
	var kept []string
	for line := range strings.Lines(text) {
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) || strings.HasPrefix(line, "# HELP "+prefix) ||
				strings.HasPrefix(line, "# TYPE "+prefix) {
				kept = append(kept, line)
			}
		}
	}
	return strings.Join(kept, "")
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics()
	m.Route("/cache/{key}").Observe(t.Context(), http.MethodGet, http.StatusNotFound, 0.3)
	m.Route("ws_echo").Count(t.Context(), http.MethodGet, http.StatusSwitchingProtocols)
	m.Route("echo").Observe(t.Context(), "BREW", http.StatusAccepted, 11)

	_, text := scrape(t, m, http.MethodGet, nil)

	const want = `# HELP http_request_duration_seconds Seconds spent serving HTTP requests.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="0.005"} 0
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="0.01"} 0
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="0.025"} 0
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="0.05"} 0
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="0.1"} 0
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="0.25"} 0
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="0.5"} 1
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="1"} 1
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="2.5"} 1
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="5"} 1
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="10"} 1
http_request_duration_seconds_bucket{method="GET",path="cache_key",status="404",le="+Inf"} 1
http_request_duration_seconds_sum{method="GET",path="cache_key",status="404"} 0.3
http_request_duration_seconds_count{method="GET",path="cache_key",status="404"} 1
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="0.005"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="0.01"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="0.025"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="0.05"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="0.1"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="0.25"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="0.5"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="1"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="2.5"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="5"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="10"} 0
http_request_duration_seconds_bucket{method="OTHER",path="echo",status="202",le="+Inf"} 1
http_request_duration_seconds_sum{method="OTHER",path="echo",status="202"} 11
http_request_duration_seconds_count{method="OTHER",path="echo",status="202"} 1
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{status="101"} 1
http_requests_total{status="202"} 1
http_requests_total{status="404"} 1
`
	if got := lines(text, "http_"); got != want {
		t.Errorf("the families of HTTP requests are:\n%s\nwant:\n%s", got, want)
	}
}

func TestScrapeHasTheRuntimesFamilies(t *testing.T) {
	t.Parallel()
	_, text := scrape(t, telemetry.NewMetrics(), http.MethodGet, nil)
	for _, family := range []string{
		"go_gc_duration_seconds", "go_goroutines", "go_info", "go_memstats_alloc_bytes", "go_threads",
		"go_sched_gomaxprocs_threads", "go_gc_gogc_percent", "go_gc_gomemlimit_bytes", "process_cpu_seconds_total",
		"process_open_fds", "process_max_fds", "process_resident_memory_bytes", "process_virtual_memory_bytes",
		"process_virtual_memory_max_bytes", "process_start_time_seconds", "process_network_receive_bytes_total",
		"process_network_transmit_bytes_total", "promhttp_metric_handler_requests_total",
		"promhttp_metric_handler_requests_in_flight",
	} {
		if !strings.Contains(text, "\n# TYPE "+family+" ") && !strings.HasPrefix(text, "# TYPE "+family+" ") {
			t.Errorf("the scrape lacks the family %s", family)
		}
	}
}

func TestGatherHasTheRuntimesFamiliesBeforeAnyScrape(t *testing.T) {
	t.Parallel()
	families, err := telemetry.NewMetrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "go_goroutines" {
			return
		}
	}
	t.Error("Gather before the first scrape lacks go_goroutines")
}

func TestScrapeAnswer(t *testing.T) {
	t.Parallel()
	const textFormat = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
	for _, c := range []struct {
		name     string
		method   string
		header   http.Header
		encoding string
		empty    bool
	}{
		{name: "plain", method: http.MethodGet},
		{name: "gzip on request", method: http.MethodGet, header: http.Header{"Accept-Encoding": {"gzip"}}, encoding: "gzip"},
		{name: "no OpenMetrics", method: http.MethodGet, header: http.Header{
			"Accept": {"application/openmetrics-text;version=1.0.0"}}},
		{name: "HEAD", method: http.MethodHead, empty: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			resp, text := scrape(t, telemetry.NewMetrics(), c.method, c.header)
			if resp.StatusCode != http.StatusOK {
				t.Errorf("status is %d, want 200", resp.StatusCode)
			}
			if got := resp.Header.Get("Content-Type"); got != textFormat {
				t.Errorf("Content-Type is %q, want %q", got, textFormat)
			}
			if got := resp.Header.Get("Content-Encoding"); got != c.encoding {
				t.Errorf("Content-Encoding is %q, want %q", got, c.encoding)
			}
			if empty := text == ""; empty != c.empty {
				t.Errorf("the body has %d bytes, want it empty: %t", len(text), c.empty)
			}
		})
	}
}

func TestScrapeCountsItself(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics()
	scrape(t, m, http.MethodGet, nil)
	_, text := scrape(t, m, http.MethodGet, nil)
	const want = `promhttp_metric_handler_requests_total{code="200"} 1`
	if !strings.Contains(text, want+"\n") {
		t.Errorf("the second scrape lacks the line %s", want)
	}
}

func TestTwoMetricsShareNothing(t *testing.T) {
	t.Parallel()
	one, other := telemetry.NewMetrics(), telemetry.NewMetrics()
	one.Route("version").Observe(t.Context(), http.MethodGet, http.StatusOK, 0.001)
	if _, text := scrape(t, other, http.MethodGet, nil); lines(text, "http_") != "" {
		t.Errorf("requests of one Metrics show up in another:\n%s", lines(text, "http_"))
	}
}

func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics()
	route := m.Route("echo")
	for _, method := range []string{"A", "B", "get", "", strings.Repeat("X", 1<<16)} {
		for _, status := range []int{-1, 0, 99, 1000, 1 << 40} {
			route.Observe(t.Context(), method, status, 0)
		}
	}
	_, text := scrape(t, m, http.MethodGet, nil)
	const want = `http_request_duration_seconds_count{method="OTHER",path="echo",status="unknown"} 25
http_requests_total{status="unknown"} 25
`
	if got := lines(text, "http_request_duration_seconds_count", "http_requests_total{"); got != want {
		t.Errorf("invented methods and statuses made the series:\n%s\nwant:\n%s", got, want)
	}
}

func TestConcurrentFirstRequestsAreAllCounted(t *testing.T) {
	t.Parallel()
	const workers, rounds = 8, 500
	m := telemetry.NewMetrics()
	routes := []*telemetry.Route{m.Route("/store"), m.Route("/STORE/")}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for range rounds {
				routes[i%len(routes)].Observe(t.Context(), http.MethodPut, http.StatusAccepted, 0.002)
			}
		})
	}
	wg.Wait()
	_, text := scrape(t, m, http.MethodGet, nil)
	const want = `http_request_duration_seconds_count{method="PUT",path="store",status="202"} 4000
http_requests_total{status="202"} 4000
`
	if got := lines(text, "http_request_duration_seconds_count", "http_requests_total{"); got != want {
		t.Errorf("after %d requests the counts are:\n%s\nwant:\n%s", workers*rounds, got, want)
	}
}

// TestObserveAllocatesNothing is not parallel: allocations of other tests would be counted.
func TestObserveAllocatesNothing(t *testing.T) {
	route := telemetry.NewMetrics().Route("version")
	observe := func() {
		route.Observe(t.Context(), http.MethodGet, http.StatusOK, 0.001)
		route.Observe(t.Context(), "BREW", http.StatusTeapot, 0.001)
		route.Count(t.Context(), http.MethodGet, http.StatusSwitchingProtocols)
	}
	observe()
	if allocs := testing.AllocsPerRun(100, observe); allocs != 0 {
		t.Errorf("recording a request allocates %v times, want 0", allocs)
	}
}

func BenchmarkNewMetrics(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		telemetry.NewMetrics()
	}
}

func BenchmarkObserve(b *testing.B) {
	route := telemetry.NewMetrics().Route("version")
	b.ReportAllocs()
	for b.Loop() {
		route.Observe(b.Context(), http.MethodGet, http.StatusOK, 0.001)
	}
}

func BenchmarkObserveParallel(b *testing.B) {
	route := telemetry.NewMetrics().Route("version")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			route.Observe(b.Context(), http.MethodGet, http.StatusOK, 0.001)
		}
	})
}

func BenchmarkFirstScrape(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchmarkScrape(telemetry.NewMetrics().Handler())
	}
}

func BenchmarkScrape(b *testing.B) {
	m := telemetry.NewMetrics()
	for _, name := range []string{"root", "version", "healthz", "readyz", "echo", "api_info", "cache", "token"} {
		m.Route(name).Observe(b.Context(), http.MethodGet, http.StatusOK, 0.001)
	}
	handler := m.Handler()
	b.ReportAllocs()
	for b.Loop() {
		benchmarkScrape(handler)
	}
}

func benchmarkScrape(handler http.Handler) {
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
}
