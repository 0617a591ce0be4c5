package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
)

func TestMetricsPort(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, test := range []struct {
		method, path string
		status       int
		kind, body   string // parts of the content type and of the body
	}{
		{"GET", "/metrics", 200, "text/plain; version=0.0.4", "\ngo_goroutines "},
		{"GET", "/healthz", 200, "text/plain", "OK"},
		{"POST", "/healthz", 200, "text/plain", "OK"},
		{"GET", "/debug/pprof/", 200, "text/html", "goroutine"},
		{"GET", "/debug/pprof", 307, "", ""},
		{"GET", "/debug/pprof/cmdline", 200, "text/plain", "server.test"},
		{"GET", "/debug/pprof/symbol", 200, "text/plain", "num_symbols"},
		{"GET", "/debug/pprof/heap", 200, "application/octet-stream", "\x1f\x8b"},
		{"GET", "/debug/pprof/goroutine?debug=1", 200, "text/plain", "goroutine profile"},
		{"GET", "/", 404, "text/plain", "404 page not found"},
		{"GET", "/readyz", 404, "text/plain", "404 page not found"},
		{"GET", "/version", 404, "text/plain", "404 page not found"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			got := targettest.Ask(t, test.method, r.metricsURL(), test.path)
			if got.Status != test.status || !strings.HasPrefix(got.Header.Get("Content-Type"), test.kind) {
				t.Errorf("%d %q, want %d %q", got.Status, got.Header.Get("Content-Type"), test.status, test.kind)
			}
			if !strings.Contains(got.Body, test.body) {
				t.Errorf("the answer has no %q: %.200q", test.body, got.Body)
			}
		})
	}
}

func TestProfilesAreOnTheMetricsPortOnly(t *testing.T) {
	t.Parallel()
	r := start(t)
	if got := targettest.Ask(t, "GET", r.url(), "/debug/pprof/"); got.Status != http.StatusNotFound {
		t.Errorf("the public port answers %d, want 404", got.Status)
	}
}

// TestAProfileMayTakeLongerThanARequest asks for a trace, because only one CPU profile can run at a time.
func TestAProfileMayTakeLongerThanARequest(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	r := start(t, "--http-server-timeout="+timeout.String())
	begin := time.Now()
	got := targettest.Ask(t, "GET", r.metricsURL(), "/debug/pprof/trace?seconds=1")
	if got.Status != http.StatusOK || !strings.Contains(got.Body, "go 1.") {
		t.Errorf("status %d, %d bytes; want a trace", got.Status, len(got.Body))
	}
	if took := time.Since(begin); took < time.Second {
		t.Errorf("a trace of a second came after %s", took)
	}
}

func TestMetricsPortStaysWellWhileTheServerDrains(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.options.Health.Drain()
	if got := targettest.Ask(t, "GET", r.url(), "/healthz"); got.Status != http.StatusServiceUnavailable {
		t.Errorf("/healthz on the public port answers %d while the server drains, want 503", got.Status)
	}
	for _, path := range []string{"/healthz", "/metrics"} {
		if got := targettest.Ask(t, "GET", r.metricsURL(), path); got.Status != http.StatusOK {
			t.Errorf("%s on the metrics port answers %d while the server drains, want 200", path, got.Status)
		}
	}
}
