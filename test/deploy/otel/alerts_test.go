// Package otel tests deploy/otel, and the dashboard and the alerts that it shares with the Helm chart: with the real
// collector, Prometheus' own code and real podinfos.
package otel

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/promtest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	prometheusConfig = "../../../deploy/otel/config/prometheus.yaml"
	alertsFile       = "../../../deploy/helm/podinfo/files/alerts.yaml"
	// selector is what the chart replaces with the release's own.
	selector = `job=~"podinfo.*"`

	// Prometheus looks this often, for as long as the slowest alert needs to fire.
	interval = 30 * time.Second
	steps    = 40
)

func readAlerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(alertsFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}),
		slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	var all []rulefmt.Rule
	for _, group := range groups.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func TestAlertsCanBeReadAndReplaced(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, rule := range readAlerts(t) {
		if rule.Alert == "" || names[rule.Alert] {
			t.Errorf("%q is no alert, or there are two of it", rule.Alert)
		}
		names[rule.Alert] = true
		if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %q, want critical or warning", rule.Alert, severity)
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s lacks a summary or a description", rule.Alert)
		}
		checkSelectors(t, rule)
	}
}

// checkSelectors fails the test unless every selector of the rule has the text that the chart replaces.
func checkSelectors(t *testing.T, rule rulefmt.Rule) {
	t.Helper()
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if _, is := node.(*parser.VectorSelector); is {
			count++
		}
		return nil
	})
	if texts := strings.Count(rule.Expr, selector); count == 0 || texts != count {
		t.Errorf("%s has %d selectors, and %d times %s: the chart cannot narrow it to its release", rule.Alert, count,
			texts, selector)
	}
}

// watch is Prometheus with the alerts, over time that the test makes pass, and the pod that it looks at.
type watch struct {
	pod        *testkit.Process
	prometheus *promtest.Prometheus
	rules      []*rules.AlertingRule
	now        time.Time
	fired      map[string]bool
}

func newWatch(t *testing.T, settings ...string) *watch {
	t.Helper()
	w := &watch{
		pod:        testkit.StartPodinfo(t, settings...),
		prometheus: promtest.New(t),
		now:        time.Now(),
		fired:      map[string]bool{},
	}
	for _, rule := range readAlerts(t) {
		expression, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		w.rules = append(w.rules, rules.NewAlertingRule(rule.Alert, expression, time.Duration(rule.For),
			time.Duration(rule.KeepFiringFor), labels.FromMap(rule.Labels), labels.FromMap(rule.Annotations),
			labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler)))
	}
	return w
}

// target returns the labels of a pod, name and value in turn.
func target(pod string) []string {
	return []string{"namespace", "demo", "job", "podinfo", "pod", pod, "instance", pod + ":9797"}
}

// scrape reads what the pod exposes, and notes as Prometheus does that it could.
func (w *watch) scrape(t *testing.T) {
	t.Helper()
	w.prometheus.Scrape(t, w.pod.MetricsURL+"/metrics", w.now, target("one")...)
	w.up(t, "one", 1)
}

// up notes whether a pod could be scraped: 1 or 0.
func (w *watch) up(t *testing.T, pod string, value float64) {
	t.Helper()
	appender := w.prometheus.DB().Appender(t.Context())
	series := labels.FromStrings(append(target(pod), model.MetricNameLabel, "up")...)
	if _, err := appender.Append(0, series, w.now.UnixMilli(), value); err != nil {
		t.Fatal(err)
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
}

// evaluate evaluates the alerts, notes which fire, and lets time pass.
func (w *watch) evaluate(t *testing.T) {
	t.Helper()
	query := func(_ context.Context, expression string, at time.Time) (promql.Vector, error) {
		return w.prometheus.Query(t, expression, at)
	}
	for _, rule := range w.rules {
		if _, err := rule.Eval(t.Context(), 0, w.now, query, &url.URL{}, 0); err != nil {
			t.Fatal(err)
		}
		for _, alert := range rule.ActiveAlerts() {
			if alert.State != rules.StateFiring {
				continue
			}
			w.fired[rule.Name()] = true
			checkText(t, rule.Name(), alert)
		}
	}
	w.now = w.now.Add(interval)
}

// checkText fails the test when the text for people does not name what it is about.
func checkText(t *testing.T, name string, alert *rules.Alert) {
	t.Helper()
	alert.Annotations.Range(func(annotation labels.Label) {
		text := annotation.Value
		if strings.Contains(text, "<no value>") || strings.Contains(text, "<error") || strings.Contains(text, "  ") {
			t.Errorf("the %s of %s reads %q", annotation.Name, name, text)
		}
	})
}

// TestAlertsFireWhenTheyShould brings a real podinfo into each kind of trouble for 20 minutes of Prometheus' time, and
// wants the alert of that trouble, and no other, to fire.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, c := range []struct {
		name     string
		fires    []string
		settings []string
		step     func(t *testing.T, w *watch, step int)
	}{
		{name: "healthy", step: func(t *testing.T, w *watch, step int) {
			if step%4 == 0 {
				everyday(t, w.pod)
			}
			w.scrape(t)
		}},
		{name: "idle", step: func(t *testing.T, w *watch, _ int) { w.scrape(t) }},
		{name: "a pod that is not ready for a moment", step: func(t *testing.T, w *watch, step int) {
			if step == 10 {
				badReadiness(t, w.pod)
			}
			w.scrape(t)
		}},
		{
			name: "one of two pods cannot be scraped", fires: []string{"PodinfoDown"},
			step: func(t *testing.T, w *watch, _ int) {
				w.scrape(t)
				w.up(t, "two", 0)
			},
		},
		{
			name: "nothing is there", fires: []string{"PodinfoAbsent"},
			step: func(*testing.T, *watch, int) {},
		},
		{
			name: "not ready", fires: []string{"PodinfoNotReady"}, settings: []string{"--unready"},
			step: func(t *testing.T, w *watch, _ int) {
				request(t, w.pod, http.MethodGet, "/readyz")
				w.scrape(t)
			},
		},
		{
			name: "not ready, with a prefix and the other path", fires: []string{"PodinfoNotReady"},
			settings: []string{"--unready", "--prefix=/p"},
			step: func(t *testing.T, w *watch, _ int) {
				request(t, w.pod, http.MethodGet, "/p/health/ready")
				w.scrape(t)
			},
		},
		{
			name: "restarts", fires: []string{"PodinfoRestarting"},
			step: func(t *testing.T, w *watch, step int) {
				if step%8 == 1 {
					w.pod.Stop(t, syscall.SIGTERM)
					w.pod = testkit.StartPodinfo(t)
				}
				w.scrape(t)
			},
		},
		{
			name: "errors", fires: []string{"PodinfoErrorRateHigh"},
			step: func(t *testing.T, w *watch, _ int) {
				for range 9 {
					request(t, w.pod, http.MethodGet, "/version")
				}
				request(t, w.pod, http.MethodGet, "/status/503")
				w.scrape(t)
			},
		},
		{
			name: "gRPC errors", fires: []string{"PodinfoGRPCErrorRateHigh"},
			step: func(t *testing.T, w *watch, _ int) {
				call(t, w.pod, "Internal")
				w.scrape(t)
			},
		},
		{
			name: "slow", fires: []string{"PodinfoLatencyHigh"},
			settings: []string{
				"--random-delay", "--random-delay-unit=ms", "--random-delay-min=1100", "--random-delay-max=1100",
			},
			step: func(t *testing.T, w *watch, step int) {
				if step%8 == 0 {
					request(t, w.pod, http.MethodGet, "/version")
				}
				w.scrape(t)
			},
		},
		{name: "slow because it is told to", step: func(t *testing.T, w *watch, step int) {
			if step%8 == 0 {
				request(t, w.pod, http.MethodGet, "/delay/1")
			}
			w.scrape(t)
		}},
		{
			name: "close to the memory limit", fires: []string{"PodinfoMemoryHigh"}, settings: []string{"GOMEMLIMIT=12MiB"},
			step: func(t *testing.T, w *watch, _ int) { w.scrape(t) },
		},
		{
			name: "without a memory limit", fires: []string{"PodinfoMemoryHigh"}, settings: []string{"--stress-memory=300"},
			step: func(t *testing.T, w *watch, step int) {
				if step == 0 {
					testkit.Eventually(t, patience, "the memory to be taken", func() bool { return resident(t, w.pod) > 290e6 })
				}
				w.scrape(t)
			},
		},
		{
			name: "too many connections", fires: []string{"PodinfoFileDescriptorsLow"},
			step: func(t *testing.T, w *watch, step int) {
				if step == 0 {
					crowd(t, w.pod)
				}
				w.scrape(t)
			},
		},
		{
			name: "plugins that work, and crash at times", settings: withPlugin(t),
			step: func(t *testing.T, w *watch, step int) {
				if step%20 == 0 {
					crashPlugin(t, w.pod)
				}
				usePlugin(t, w.pod)
				request(t, w.pod, http.MethodPost, "/plugins/protocol-rpc-none/encode")
				w.scrape(t)
			},
		},
		{
			name: "a plugin that was killed", fires: []string{"PodinfoPluginDown"}, settings: withPlugin(t),
			step: func(t *testing.T, w *watch, step int) {
				if step == 0 {
					stopPlugin(t, w.pod)
				}
				w.scrape(t)
			},
		},
		{
			name: "a plugin that crashes", fires: []string{"PodinfoPluginRestarting"}, settings: withPlugin(t),
			step: func(t *testing.T, w *watch, step int) {
				if step%8 == 1 && step < 32 {
					crashPlugin(t, w.pod)
				}
				w.scrape(t)
			},
		},
		{
			name: "a plugin that is late", fires: []string{"PodinfoErrorRateHigh", "PodinfoPluginFailed"},
			settings: append(withPlugin(t), "--plugin-call-timeout=20ms"),
			step: func(t *testing.T, w *watch, _ int) {
				latePlugin(t, w.pod)
				w.scrape(t)
			},
		},
	} {
		for _, name := range c.fires {
			tried[name] = true
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWatch(t, append(c.settings, "--cache-server=memory://")...)
			for step := range steps {
				c.step(t, w, step)
				w.evaluate(t)
			}
			if fired := slices.Sorted(maps.Keys(w.fired)); !slices.Equal(fired, c.fires) {
				t.Errorf("%v fired, want %v", fired, c.fires)
			}
		})
	}
	for _, rule := range readAlerts(t) {
		if !tried[rule.Alert] {
			t.Errorf("%s is never brought to fire", rule.Alert)
		}
	}
}

// badReadiness has podinfo answer one readiness probe with 503.
func badReadiness(t *testing.T, p *testkit.Process) {
	t.Helper()
	request(t, p, http.MethodPost, "/readyz/disable")
	request(t, p, http.MethodGet, "/readyz")
	request(t, p, http.MethodPost, "/readyz/enable")
}

// resident is the memory that podinfo takes, in bytes. See proc_pid_statm(5).
func resident(t *testing.T, p *testkit.Process) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// crowd takes most of the file descriptors that are left to podinfo.
func crowd(t *testing.T, p *testkit.Process) {
	t.Helper()
	const limit = 96
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
		t.Fatal(err)
	}
	for range 70 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	testkit.Eventually(t, patience, "podinfo to have taken the connections", func() bool {
		open, err := os.ReadDir("/proc/" + strconv.Itoa(p.PID()) + "/fd")
		return err == nil && len(open) > limit*8/10
	})
}
