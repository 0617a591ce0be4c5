package gitops

import (
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	flagger "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
	"github.com/podinfo-targets/podinfo/test/deploy/internal/promtest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// traffic is what a canary gets between two scrapes.
type traffic struct {
	path  string
	count int
}

func TestMetricTemplates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		settings []string
		prefix   string
		traffic  []traffic
		// passes tells by template whether the canary is let through, as the ranges in the examples say.
		passes map[string]bool
		// errors is the percentage, of that template.
		errors float64
	}{
		{
			name:    "healthy",
			traffic: []traffic{{"/api/info", 100}},
			passes:  map[string]bool{"error-rate": true, "latency": true, "request-rate": true},
		},
		{
			name:    "one answer in twenty is an error",
			traffic: []traffic{{"/api/info", 95}, {"/status/500", 5}},
			passes:  map[string]bool{"error-rate": false, "latency": true, "request-rate": true},
			errors:  5,
		},
		{
			name:    "nothing but errors",
			traffic: []traffic{{"/status/503", 100}},
			passes:  map[string]bool{"error-rate": false, "latency": true, "request-rate": true},
			errors:  100,
		},
		{
			name:    "slow",
			traffic: []traffic{{"/api/info", 80}, {"/delay/1", 20}},
			passes:  map[string]bool{"error-rate": true, "latency": false, "request-rate": true},
		},
		{
			name:     "probes that fail are no errors of requests",
			settings: []string{"--unready"},
			traffic:  []traffic{{"/readyz", 50}, {"/api/info", 50}},
			passes:   map[string]bool{"error-rate": true, "latency": true, "request-rate": true},
		},
		{
			name:     "so they are under a prefix",
			settings: []string{"--unready", "--prefix=/p"},
			prefix:   "/p",
			traffic:  []traffic{{"/p/readyz", 50}, {"/p/api/info", 50}},
			passes:   map[string]bool{"error-rate": true, "latency": true, "request-rate": true},
		},
		{
			name:   "without traffic nothing is known, and no check passes",
			passes: map[string]bool{"error-rate": false, "latency": false, "request-rate": false},
			errors: math.NaN(),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			prometheus, now := measure(t, c.settings, c.prefix, c.traffic)
			blueGreen := canaries(t)["blue-green.yaml"]
			for _, metric := range blueGreen.Spec.Analysis.Metrics {
				name := metric.TemplateRef.Name
				got := value(t, prometheus, blueGreen, metric, now)
				if passes := within(got, *metric.ThresholdRange); passes != c.passes[name] {
					t.Errorf("%s is %v: passes %t, want %t", name, got, passes, c.passes[name])
				}
				if name == "error-rate" && !math.IsNaN(c.errors) && math.Abs(got-c.errors) > 1e-6 {
					t.Errorf("%s is %v percent, want %v", name, got, c.errors)
				}
			}
		})
	}
}

// measure scrapes a podinfo before and after the traffic, as pods of a canary. Beside it are the primary and a podinfo
// of another namespace that have only errors, and are none of the canary's business.
func measure(t testing.TB, settings []string, prefix string, requests []traffic) (*promtest.Prometheus, time.Time) {
	t.Helper()
	canary, other := testkit.StartPodinfo(t, settings...), testkit.StartPodinfo(t)
	prometheus, start := promtest.New(t), time.Unix(1_700_000_000, 0)
	scrape := func(at time.Time) {
		prometheus.Scrape(t, canary.URL+prefix+"/metrics", at, "namespace", "podinfo", "pod", "podinfo-5d8f9c7b6-x2x4z")
		prometheus.Scrape(t, other.URL+"/metrics", at, "namespace", "podinfo", "pod", "podinfo-primary-6c9d5-k7w2m")
		prometheus.Scrape(t, other.URL+"/metrics", at, "namespace", "elsewhere", "pod", "podinfo-5d8f9c7b6-k7w2m")
	}
	// The same before the first scrape as between the two: Prometheus guesses less for counters that start near zero.
	end := start.Add(50 * time.Second)
	for _, at := range []time.Time{start, end} {
		for _, r := range requests {
			send(t, canary.URL, r)
		}
		send(t, other.URL, traffic{"/status/500", 100})
		scrape(at)
	}
	return prometheus, end
}

func send(t testing.TB, url string, r traffic) {
	t.Helper()
	var wait sync.WaitGroup
	for range r.count {
		wait.Go(func() {
			answer, err := http.Get(url + r.path)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		})
	}
	wait.Wait()
}

// value renders the metric's template and evaluates it, as Flagger does: NaN and no sample at all are no value.
func value(
	t testing.TB, prometheus *promtest.Prometheus, canary *flagger.Canary, metric flagger.CanaryMetric, at time.Time,
) float64 {
	t.Helper()
	found := manifest.Get[*flagger.MetricTemplate](t, objects(t, "deploy/flagger/metrics.yaml"), metric.TemplateRef.Name)
	model := flagger.MetricTemplateModel{
		Name:      canary.Name,
		Namespace: canary.Namespace,
		Target:    canary.Spec.TargetRef.Name,
		Service:   canary.Spec.Service.Name,
		Interval:  metric.Interval,
	}
	parsed, err := template.New(found.Name).Option("missingkey=error").Funcs(model.TemplateFunctions()).
		Parse(found.Spec.Query)
	if err != nil {
		t.Fatal(err)
	}
	var query strings.Builder
	if err := parsed.Execute(&query, nil); err != nil {
		t.Fatal(err)
	}
	result, err := prometheus.Query(t, query.String(), at)
	if err != nil {
		t.Fatal(err)
	}
	if len(result) > 1 {
		t.Fatalf("%s has %d values, Flagger takes any one of them: %v", found.Name, len(result), result)
	}
	if len(result) == 0 {
		return math.NaN()
	}
	return result[0].F
}

func within(value float64, r flagger.CanaryThresholdRange) bool {
	if math.IsNaN(value) || r.Min != nil && value < *r.Min {
		return false
	}
	return r.Max == nil || value <= *r.Max
}
