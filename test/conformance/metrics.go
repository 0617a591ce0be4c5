package conformance

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	metricsType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
	// metricsDelay is how long an answer may be out before it is counted.
	metricsDelay = 5 * time.Second
)

// metrics are what Prometheus reads.
func metrics() []Group {
	routes := []string{"/metrics"}
	return []Group{
		{Name: "metrics", Routes: routes, Needs: []Capability{Metrics}, Cases: []Case{
			it("is in Prometheus' text format",
				get("/metrics").want(status(200), contentType(metricsType), families(requestFamilies()...))),
			it("keeps to that format when OpenMetrics is asked for",
				get("/metrics").with("Accept", "application/openmetrics-text; version=1.0.0").
					want(status(200), contentType(metricsType), families(requestFamilies()...))),
			it("is compressed for those who ask", get("/metrics").with("Accept-Encoding", "gzip").
				want(status(200), contentType(metricsType), header("Content-Encoding", "gzip"), unzipped())),
			it("tells about Go and the process", get("/metrics").want(status(200), families(processFamilies()...))),
			it("describes requests as ever", get("/metrics").want(status(200),
				contains("# HELP http_request_duration_seconds Seconds spent serving HTTP requests.\n",
					"# TYPE http_request_duration_seconds histogram\n",
					"# HELP http_requests_total The total number of HTTP requests.\n",
					"# TYPE http_requests_total counter\n"))),
			it("has the usual labels and buckets", get("/version").want(status(200), textKeys("commit", "version")),
				get("/metrics").soon(metricsDelay).want(status(200), usualBuckets(), labeled("http_requests_total", "status"))),
			it("counts by status", growing("http_requests_total", `status="477"`, 3,
				isStatus(477), isStatus(477), isStatus(477))),
			it("measures how long requests take",
				growing("http_request_duration_seconds_sum", `method="GET",path="delay",status="200"`, 1,
					get("/delay/1").want(status(200), jsonIs(`{"delay": 1}`)))),
			it("counts requests that no route takes", growing("http_requests_total", `status="404"`, 1,
				get("/no/such/route/${id}").want(isNotFound())), get("/metrics").want(status(200), lacks("${id}"))).
				differs("counts no request without a route"),
			it("counts requests whose method is wrong", growing("http_requests_total", `status="405"`, 1,
				remove("/version").want(status(405), body("")))).differs("counts no request without a route"),
			it("puts methods that nobody knows under one name", step(manyMethods)).needs(AnyMethod).
				differs("takes every invented method as a new label"),
			it("counts a websocket as what it is", step(websocketCounted)).needs(WebSocket).
				differs("counts status 200 and takes its length for a latency"),
		}},
		{Name: "metrics by route", Routes: routes, Needs: []Capability{Metrics}, Cases: pathLabels()},
		{Name: "metrics port", Theme: "metrics and profiles on another port", Needs: []Capability{MetricsWeb}, Cases: []Case{
			it("has the metrics", get("/metrics").at(telemetry).
				want(status(200), contentType(metricsType), families(requestFamilies()...), families(processFamilies()...))),
			it("has a probe of its own for every method",
				get("/healthz").at(telemetry).want(status(200), media("text/plain"), body("OK")),
				post("/healthz", "x").at(telemetry).want(status(200), body("OK")),
				remove("/healthz").at(telemetry).want(status(200), body("OK"))),
			it("has profiles", get("/debug/pprof/").at(telemetry).want(status(200), media("text/html"), contains("goroutine")),
				get("/debug/pprof/cmdline").at(telemetry).want(status(200), notEmpty()),
				get("/debug/pprof/symbol").at(telemetry).want(status(200), contains("num_symbols")),
				get("/debug/pprof/goroutine?debug=1").at(telemetry).want(status(200), contains("goroutine profile:")),
				get("/debug/pprof/heap?debug=1").at(telemetry).want(status(200), contains("heap profile:")),
				get("/debug/pprof/allocs").at(telemetry).want(status(200), notEmpty())),
			it("records a profile and a trace",
				get("/debug/pprof/profile?seconds=1").at(telemetry).want(status(200), notEmpty(), slowerThan(time.Second)),
				get("/debug/pprof/trace?seconds=1").at(telemetry).want(status(200), notEmpty(), slowerThan(time.Second))),
			it("redirects to the profiles",
				get("/debug/pprof").at(telemetry).want(status(301, 307, 308), leadsTo("/debug/pprof/"))),
			it("has nothing else", get("/").at(telemetry).want(status(404), notEmpty()),
				get("/version").at(telemetry).want(status(404), notEmpty()),
				get("/readyz").at(telemetry).want(status(404), notEmpty())),
		}},
	}
}

func requestFamilies() []string {
	return []string{
		"http_request_duration_seconds", "http_requests_total",
		"promhttp_metric_handler_requests_total", "promhttp_metric_handler_requests_in_flight",
	}
}

func processFamilies() []string {
	return []string{
		"go_gc_duration_seconds", "go_goroutines", "go_info", "go_memstats_alloc_bytes", "go_memstats_heap_inuse_bytes",
		"go_threads", "go_sched_gomaxprocs_threads", "go_gc_gogc_percent", "go_gc_gomemlimit_bytes",
		"process_cpu_seconds_total", "process_open_fds", "process_max_fds", "process_resident_memory_bytes",
		"process_virtual_memory_bytes", "process_virtual_memory_max_bytes", "process_start_time_seconds",
		"process_network_receive_bytes_total", "process_network_transmit_bytes_total",
	}
}

// pathLabels are the names of the routes in the label path, on which dashboards and alerts depend.
func pathLabels() []Case {
	hash := "/store/0123456789012345678901234567890123456789"
	table := []struct {
		request request
		label   string // without the prefix
	}{
		{get("/"), "root"},
		{get("/version"), "version"},
		{post("/echo", ""), "echo"},
		{post("/echo/below", ""), "echo"},
		{post("/api/echo", ""), "api_echo"},
		{post("/api/echo/below", ""), "api_echo"},
		{get("/api/info"), "api_info"},
		{get("/env"), "env"},
		{get("/headers"), "headers"},
		{get("/delay/0"), "delay"},
		{get("/healthz"), "healthz"},
		{get("/readyz"), "readyz"},
		{post("/readyz/enable", ""), "readyz_enable"},
		{get("/fault_injection/status"), "fault_injection_status"},
		{post("/fault_injection/disable", ""), "fault_injection_disable"},
		{get("/status/299"), "status"},
		{post("/store", "x"), "store"},
		{get(hash), "store"},
		{get("/cache/nothing"), "cache"},
		{remove("/cache/nothing"), "cache_key"},
		{get("/configs"), "configs"},
		{post("/token", ""), "token"},
		{get("/token/validate"), "token_validate"},
		{get("/ws/echo"), "ws_echo"},
		{get("/swagger.json"), "swagger_json"},
		{get("/swagger/index.html"), "swagger"},
		{get("/metrics"), "metrics"},
	}
	var cases []Case
	for _, row := range table {
		name := fmt.Sprintf("calls %s %s %s", row.request.method, row.request.path, row.label)
		c := it(name, countedAs(row.request, row.label))
		if row.request.path == "/readyz/enable" || row.request.path == "/fault_injection/disable" {
			c = c.alone()
		}
		cases = append(cases, c)
	}
	return append(cases, it("calls GET /chunked/{wait} chunked", countedAs(get("/chunked/0"), "chunked")).
		differs("calls it chunked_wait_0_9"))
}

// countedAs sends a request and waits for it in the histogram, under its method, label and status.
func countedAs(r request, label string) Step {
	return step(func(s *session) error {
		before, err := s.scrape()
		if err != nil {
			return err
		}
		x, err := r.exchange(s)
		if err != nil {
			return fmt.Errorf("%s got no answer: %w", r.path, err)
		}
		series := fmt.Sprintf(`method=%q,path=%q,status="%d"`, r.method, s.pathLabel(r, label), x.answer.StatusCode)
		return s.eventually(metricsDelay, func() error {
			now, err := s.scrape()
			if err != nil {
				return err
			}
			return atLeast("http_request_duration_seconds_count", series, now, before, 1)
		})
	})
}

// pathLabel is the label of a route on the target: the prefix is part of it, unless the route has a name of its own.
func (s *session) pathLabel(r request, label string) string {
	prefix := strings.ReplaceAll(strings.Trim(s.target.prefix(), "/"), "/", "_")
	named := label == "delay" || label == "status" || label == "cache" || strings.HasPrefix(r.path, "/store/")
	switch {
	case prefix == "" || named:
		return label
	case label == "root":
		return prefix
	default:
		return prefix + "_" + label
	}
}

// measured checks that the histogram has these values of the label path.
func measured(paths ...string) check {
	return func(x *exchange) error {
		samples, err := parseMetrics(x.body)
		if err != nil {
			return err
		}
		for _, path := range paths {
			want := fmt.Sprintf("path=%q", path)
			if !slices.ContainsFunc(samples, func(s sample) bool { return slices.Contains(s.labels, want) }) {
				return fmt.Errorf("the metrics have nothing with the label %s", want)
			}
		}
		return nil
	}
}

// growing is a step that does other steps and wants a series to grow by at least that much while they are done.
func growing(name, labels string, by float64, during ...Step) Step {
	return step(func(s *session) error {
		before, err := s.scrape()
		if err != nil {
			return err
		}
		for _, d := range during {
			if err := d.do(s); err != nil {
				return err
			}
		}
		return s.eventually(metricsDelay, func() error {
			now, err := s.scrape()
			if err != nil {
				return err
			}
			return atLeast(name, labels, now, before, by)
		})
	})
}

// manyMethods sends methods that nobody knows and looks for them in the metrics.
func manyMethods(s *session) error {
	var brew []Step
	for _, method := range []string{"BREW", "PROPFIND2", "X", "get"} {
		brew = append(brew, send(method, "/echo", "").want(status(202), rawReply()))
	}
	labels := fmt.Sprintf(`method="OTHER",path=%q,status="202"`, s.pathLabel(post("/echo", ""), "echo"))
	if err := growing("http_request_duration_seconds_count", labels, 4, brew...).do(s); err != nil {
		return err
	}
	return get("/metrics").want(status(200), lacks(`"BREW"`, `"PROPFIND2"`, `"X"`, `"get"`)).do(s)
}

// websocketCounted opens a websocket, closes it, and wants it to be counted as 101 and not to be timed.
func websocketCounted(s *session) error {
	hello := talking(sayText("hello"), hearEcho(`"hello"`), sayClose(1000), hearClose(1000, ""))
	if err := growing("http_requests_total", `status="101"`, 1, hello).do(s); err != nil {
		return err
	}
	label := fmt.Sprintf("path=%q", s.pathLabel(get("/ws/echo"), "ws_echo"))
	samples, err := s.scrape()
	if err != nil {
		return err
	}
	for _, found := range samples {
		timed := found.name == "http_request_duration_seconds_count" && slices.Contains(found.labels, label)
		if timed && !slices.Contains(found.labels, `status="400"`) && !slices.Contains(found.labels, `status="403"`) &&
			!slices.Contains(found.labels, `status="500"`) {
			return fmt.Errorf("the life of a websocket is taken for a latency: %s%v", found.name, found.labels)
		}
	}
	return nil
}

// sample is one line of Prometheus' text format.
type sample struct {
	name   string
	labels []string // name="value", sorted
	value  float64
}

// scrape reads the metrics.
func (s *session) scrape() ([]sample, error) {
	x, err := get("/metrics").exchange(s)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	if err := x.judge([]check{status(200)}); err != nil {
		return nil, err
	}
	samples, err := parseMetrics(x.body)
	if err == nil && len(samples) == 0 {
		return nil, errors.New("there is nothing in the metrics")
	}
	return samples, err
}

// sample returns the value of a series without labels.
func (s *session) sample(name string) (float64, error) {
	samples, err := s.scrape()
	if err != nil {
		return 0, err
	}
	value, found := valueOf(samples, name, "")
	if !found {
		return 0, fmt.Errorf("the metrics have no %s", name)
	}
	return value, nil
}

// atLeast checks that a series grew since before.
func atLeast(name, labels string, now, before []sample, by float64) error {
	is, found := valueOf(now, name, labels)
	if !found {
		return fmt.Errorf("the metrics have no %s{%s}", name, labels)
	}
	was, _ := valueOf(before, name, labels) // a new series starts at zero
	if is-was >= by {
		return nil
	}
	return fmt.Errorf("%s{%s} went from %g to %g, want it to grow by %g", name, labels, was, is, by)
}

// valueOf finds the series with exactly these labels, written as in the text format and sorted.
func valueOf(samples []sample, name, labels string) (float64, bool) {
	i := slices.IndexFunc(samples, func(s sample) bool {
		return s.name == name && strings.Join(s.labels, ",") == labels
	})
	if i < 0 {
		return 0, false
	}
	return samples[i].value, true
}

func parseMetrics(text []byte) ([]sample, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the metrics are not in Prometheus' text format: %w", err)
	}
	var samples []sample
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			samples = append(samples, samplesOf(name, metric)...)
		}
	}
	return samples, nil
}

// samplesOf returns the lines of one metric; of a histogram those with its count and sum.
func samplesOf(name string, m *dto.Metric) []sample {
	var labels []string
	for _, pair := range m.GetLabel() {
		labels = append(labels, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
	}
	slices.Sort(labels)
	switch {
	case m.Counter != nil:
		return []sample{{name, labels, m.Counter.GetValue()}}
	case m.Gauge != nil:
		return []sample{{name, labels, m.Gauge.GetValue()}}
	case m.Histogram != nil:
		return []sample{
			{name + "_count", labels, float64(m.Histogram.GetSampleCount())},
			{name + "_sum", labels, m.Histogram.GetSampleSum()},
		}
	case m.Summary != nil:
		return []sample{{name + "_count", labels, float64(m.Summary.GetSampleCount())}}
	default:
		return []sample{{name, labels, m.GetUntyped().GetValue()}}
	}
}

// families checks that the metrics have these families.
func families(names ...string) check {
	return func(x *exchange) error {
		if _, err := parseMetrics(x.body); err != nil {
			return err
		}
		for _, name := range names {
			if !bytes.Contains(x.body, []byte("# TYPE "+name+" ")) {
				return fmt.Errorf("the metrics have no family %s", name)
			}
		}
		return nil
	}
}

// usualBuckets checks labels and buckets of the histogram.
func usualBuckets() check {
	want := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, math.Inf(1)}
	return func(x *exchange) error {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(x.body))
		if err != nil {
			return fmt.Errorf("the metrics are not in Prometheus' text format: %w", err)
		}
		metrics := families["http_request_duration_seconds"].GetMetric()
		if len(metrics) == 0 {
			return errors.New("there is no http_request_duration_seconds")
		}
		var got []float64
		for _, bucket := range metrics[0].GetHistogram().GetBucket() {
			got = append(got, bucket.GetUpperBound())
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("the buckets are %v, want %v", got, want)
		}
		return labeled("http_request_duration_seconds_count", "method", "path", "status")(x)
	}
}

// labeled checks that every series of a name has exactly these labels.
func labeled(name string, labels ...string) check {
	return func(x *exchange) error {
		samples, err := parseMetrics(x.body)
		if err != nil {
			return err
		}
		found := false
		for _, s := range samples {
			if s.name != name {
				continue
			}
			found = true
			var got []string
			for _, label := range s.labels {
				key, _, _ := strings.Cut(label, "=")
				got = append(got, key)
			}
			if !slices.Equal(got, labels) {
				return fmt.Errorf("%s has the labels %q, want %q", name, got, labels)
			}
		}
		if !found {
			return fmt.Errorf("the metrics have no %s", name)
		}
		return nil
	}
}

// unzipped checks what is inside a compressed answer.
func unzipped() check {
	return func(x *exchange) error {
		reader, err := gzip.NewReader(bytes.NewReader(x.body))
		if err != nil {
			return fmt.Errorf("the body is not compressed: %w", err)
		}
		text, err := io.ReadAll(io.LimitReader(reader, answerLimit))
		if err != nil {
			return fmt.Errorf("the compressed body: %w", err)
		}
		_, err = parseMetrics(text)
		return err
	}
}

// leadsTo checks where a redirect ends up, however its Location is written.
func leadsTo(path string) check {
	return func(x *exchange) error {
		location, err := x.answer.Location()
		if err != nil {
			return fmt.Errorf("the redirect: %w", err)
		}
		return differ("the path redirected to", location.Path, path)
	}
}
