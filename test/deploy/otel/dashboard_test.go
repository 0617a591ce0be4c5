package otel

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/promtest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const dashboardFile = "../../../deploy/helm/podinfo/files/dashboard.json"

// dashboard is what these tests read of Grafana's format, see
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/.
type dashboard struct {
	UID           string
	Title         string
	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []variable }
	Annotations   struct{ List []struct{ Name, Expr string } }
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  struct{ Type, UID string }
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct {
		RefID      string
		Expr       string
		Datasource struct{ Type, UID string }
	}
	FieldConfig struct{ Defaults struct{ Unit string } }
}

type variable struct {
	Name, Type string
	// Query is a text for the data source, and an object for the others.
	Query json.RawMessage
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// query is one that the dashboard sends to Prometheus.
type query struct{ panel, text string }

func (q query) String() string { return fmt.Sprintf("the query of %q, %s,", q.panel, q.text) }

// expression is the query as Grafana sends it with the job chosen and everything else left at All.
func (q query) expression(job string) string {
	return strings.NewReplacer("$__rate_interval", "1m", "$namespace", ".*", "$job", job, "$pod", ".*").Replace(q.text)
}

func (d dashboard) queries() []query {
	var all []query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{p.Title, target.Expr})
		}
	}
	return all
}

// hasValue tells whether a graph of the vector would show anything.
func hasValue(vector promql.Vector) bool {
	for _, sample := range vector {
		if !math.IsNaN(sample.F) {
			return true
		}
	}
	return false
}

func TestDashboardIsComplete(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	if d.UID != "podinfo" || d.Title != "podinfo" || d.SchemaVersion < 41 {
		t.Errorf("the dashboard is %q, uid %q, schema %d; links and Grafana 12 need podinfo and 41 at least", d.Title,
			d.UID, d.SchemaVersion)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if got := strings.Join(names, " "); got != "datasource namespace job pod" {
		t.Errorf("the variables are %s", got)
	}
	ids := map[int]string{}
	for _, p := range d.Panels {
		if other, taken := ids[p.ID]; taken {
			t.Errorf("%q and %q have the same id %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		p.check(t)
	}
}

// check fails the test unless a person can read the panel without knowing the query.
func (p panel) check(t *testing.T) {
	t.Helper()
	if p.Title == "" {
		t.Errorf("panel %d has no title", p.ID)
	}
	if p.Type == "row" {
		return
	}
	if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
		t.Errorf("%q lacks a description, a unit or a query", p.Title)
	}
	sources := []string{p.Datasource.UID}
	for _, target := range p.Targets {
		sources = append(sources, target.Datasource.UID)
		if !strings.Contains(target.Expr, `namespace=~"$namespace",job=~"$job",pod=~"$pod"`) {
			t.Errorf("%q does not heed the variables: %s", p.Title, target.Expr)
		}
	}
	for _, uid := range sources {
		if uid != "${datasource}" {
			t.Errorf("%q asks the data source %q and not the one that is chosen", p.Title, uid)
		}
	}
}

func TestDashboardPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	taken := map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			t.Errorf("%q is outside the 24 columns of the grid", p.Title)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, is := taken[[2]int{x, y}]; is {
					t.Fatalf("%q and %q overlap", other, p.Title)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// pushedOnly are the queries whose metric comes with OTLP and not with a scrape.
func pushedOnly(q query) bool { return strings.Contains(q.text, "target_info") }

// TestDashboardShowsWhatIsScraped asks every query of the dashboard over two scrapes of a real podinfo under traffic.
func TestDashboardShowsWhatIsScraped(t *testing.T) {
	t.Parallel()
	p := testkit.StartPodinfo(t, append(withPlugin(t), "--cache-server=memory://")...)
	prometheus, now := promtest.New(t), time.Now()
	target := []string{"job", "podinfo", "namespace", "demo", "pod", "podinfo-1", "instance", "10.0.0.1:9797"}
	badDay(t, p)
	usePlugin(t, p)
	prometheus.Scrape(t, p.MetricsURL+"/metrics", now, target...)
	badDay(t, p)
	usePlugin(t, p)
	now = now.Add(30 * time.Second)
	prometheus.Scrape(t, p.MetricsURL+"/metrics", now, target...)

	d := readDashboard(t)
	for _, q := range d.queries() {
		found, err := prometheus.Query(t, q.expression("podinfo"), now)
		if err != nil || hasValue(found) == pushedOnly(q) {
			t.Errorf("%s has the value %v, %v", q, found, err)
		}
		if found, _ := prometheus.Query(t, q.expression("another"), now); hasValue(found) {
			t.Errorf("%s has the value %v for a job that there is not", q, found)
		}
	}
	for _, v := range d.Templating.List {
		checkVariable(t, prometheus, v, now)
	}
	for _, a := range d.Annotations.List {
		if _, err := prometheus.Query(t, query{a.Name, a.Expr}.expression("podinfo"), now); err != nil {
			t.Error(err)
		}
	}
}

// checkVariable fails the test unless the variable has something to choose from.
func checkVariable(t *testing.T, prometheus *promtest.Prometheus, v variable, now time.Time) {
	t.Helper()
	if v.Type == "datasource" {
		return
	}
	var q struct{ Query string }
	if err := json.Unmarshal(v.Query, &q); err != nil {
		t.Fatal(err)
	}
	selector, ok := strings.CutSuffix(strings.TrimPrefix(q.Query, "label_values("), ", "+v.Name+")")
	if !ok {
		t.Fatalf("$%s does not list the values of its label: %s", v.Name, q.Query)
	}
	found, err := prometheus.Query(t, query{v.Name, selector}.expression("podinfo"), now)
	if err != nil || len(found) == 0 || found[0].Metric.Get(v.Name) == "" {
		t.Errorf("$%s has no values: %v, %v", v.Name, found, err)
	}
}

// TestDashboardCounts shows for one panel of each kind that the figures are the right ones.
func TestDashboardCounts(t *testing.T) {
	t.Parallel()
	p := testkit.StartPodinfo(t)
	prometheus, now := promtest.New(t), time.Now()
	scrape := func() { prometheus.Scrape(t, p.MetricsURL+"/metrics", now, "job", "podinfo", "pod", "one") }
	send := func() {
		for range 15 {
			request(t, p, http.MethodGet, "/version")
			request(t, p, http.MethodGet, "/version")
			request(t, p, http.MethodGet, "/version")
			request(t, p, http.MethodGet, "/status/503")
			request(t, p, http.MethodGet, "/healthz")
		}
	}
	send()
	scrape()
	now = now.Add(30 * time.Second)
	send()
	scrape()
	for _, c := range []struct {
		panel, labels string
		want          float64
	}{
		// 60 requests that are no probes, in 30 seconds.
		{"Requests by pod", `{pod="one"}`, 2},
		{"Requests by path", `{path="version"}`, 1.5},
		{"Error ratio", `{}`, 0.25},
		{"Pods", `{}`, 1},
	} {
		for _, q := range readDashboard(t).queries() {
			if q.panel != c.panel {
				continue
			}
			found, err := prometheus.Query(t, q.expression("podinfo"), now)
			if err != nil {
				t.Fatal(err)
			}
			got := math.NaN()
			for _, sample := range found {
				if sample.Metric.String() == c.labels {
					got = sample.F
				}
			}
			if math.Abs(got-c.want) > 1e-6 {
				t.Errorf("%s is %v for %s, want %v; all: %v", c.panel, got, c.labels, c.want, found)
			}
		}
	}
}
