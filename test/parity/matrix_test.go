package parity

import (
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/test/conformance"
)

// Some results, and what the page makes of them.
func someParts() []section {
	groups := []conformance.Group{{Name: "paths", Theme: "odd paths"}, {Name: "more paths", Theme: "odd paths"}}
	return []section{
		{"Routes", routeRows([]handlers.Route{
			{Path: "/cache/{key}", Methods: []string{"GET", "HEAD"}}, {Path: "/cache/{key}", Methods: []string{"PUT"}},
			{Path: "/ws"},
		})},
		{"Services", serviceRows([]string{"a.A", "b.B"})},
		{"Themes", themeRows(groups)},
	}
}

func someColumns() []column {
	const passed, skipped = conformance.Passed, conformance.Skipped
	cache, services := []string{"/cache/{key}"}, []string{"a.A", "b.B"}
	return []column{
		{name: "Server", about: "all of it.", results: []conformance.Result{
			{Routes: cache, Requests: []string{"PUT /cache/${id}", "GET /cache/${id}?a=b", "GET /other"}, Outcome: passed},
			{Routes: []string{"/ws"}, Outcome: passed},
			{Routes: []string{"/ws"}, Outcome: skipped, Text: "takes long"},
			{Services: services, Requests: []string{"CALL a.A/Do"}, Outcome: passed},
			{Services: services, Requests: []string{"CALL b.B/Do"}, Outcome: passed},
			{Theme: "odd paths", Outcome: passed},
		}},
		{name: "Function", about: "a part of it.", results: []conformance.Result{
			{Routes: cache, Requests: []string{"GET /cache/x"}, Outcome: passed},
			{Routes: cache, Requests: []string{"GET /cache/x"}, Outcome: skipped, Why: "background: it is frozen"},
			{Routes: cache, Requests: []string{"PUT /cache/x"}, Outcome: passed, Limits: []string{"storage: it forgets"}},
			{Routes: cache, Requests: []string{"PUT /cache/x"}, Outcome: skipped, Why: "gRPC: none", Aside: true},
			{Routes: []string{"/ws"}, Outcome: skipped, Why: "websockets: one request at a time"},
			{Routes: []string{"/ws"}, Outcome: passed, Withheld: conformance.WebSocket},
			{Services: services, Outcome: skipped, Why: "gRPC: none"},
			{Theme: "odd paths", Outcome: passed},
			{Theme: "odd paths", Outcome: skipped, Why: "background: it is frozen"},
			{Theme: "odd paths", Outcome: skipped, Why: "a stage: it is in the way"},
		}},
	}
}

const somePage = introduction + `* **Server**: all of it.
* **Function**: a part of it.

## Routes

| | Server | Function |
|---|---|---|
| GET, HEAD ` + "`/cache/{key}`" + ` | yes | partly (1) |
| PUT ` + "`/cache/{key}`" + ` | yes | partly (2) |
| any ` + "`/ws`" + ` | yes | no (3) |

## Services

| | Server | Function |
|---|---|---|
| ` + "`a.A`" + ` | yes | no (4) |
| ` + "`b.B`" + ` | yes | no (4) |

## Themes

| | Server | Function |
|---|---|---|
| odd paths | yes | partly (5, 1) |

## Why

1. background: it is frozen
2. storage: it forgets
3. websockets: one request at a time
4. gRPC: none
5. a stage: it is in the way
`

func TestRenderWritesWhatTheResultsSay(t *testing.T) {
	t.Parallel()
	if got := render(someParts(), someColumns()); got != somePage {
		t.Errorf("the page is\n%s\nwant\n%s", got, somePage)
	}
}

// TestRenderDependsOnNoOrder shows that cases which end in another order make the same page.
func TestRenderDependsOnNoOrder(t *testing.T) {
	t.Parallel()
	columns := someColumns()
	for _, c := range columns {
		slices.Reverse(c.results)
	}
	if got := render(someParts(), columns); got != somePage {
		t.Errorf("the page is\n%s\nwant\n%s", got, somePage)
	}
}

func TestParseReadsWhatRenderWrites(t *testing.T) {
	t.Parallel()
	results := newMatrix(someParts(), someColumns())
	if found := differences(parse(somePage), results, []string{"Server", "Function"}); len(found) > 0 {
		t.Errorf("the page differs from the results it was made of: %q", found)
	}
}

func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	results := newMatrix(someParts(), someColumns())
	both := []string{"Server", "Function"}
	tests := []struct {
		name     string
		old, new string // what is changed on the page
		columns  []string
		want     []string
	}{
		{"nothing", "", "", both, nil},
		{"a word", "| odd paths | yes |", "| odd paths | no |", both,
			[]string{`odd paths on Server: the page says "no", the results say "yes"`}},
		{"a reason", "3. websockets: one request at a time", "3. websockets: never", both,
			[]string{"any `/ws` on Function: the page says \"no; websockets: never\", " +
				"the results say \"no; websockets: one request at a time\""}},
		{"a column that did not run", "3. websockets: one request at a time", "3. websockets: never", both[:1], nil},
		{"a row too many", "| odd paths |", "| even paths | yes | yes |\n| odd paths |", both,
			[]string{"even paths: is on the page, and in no result"}},
		{"a row too few", "| any `/ws` | yes | no (3) |\n", "", both[:1],
			[]string{"any `/ws` on Server: the page says \"\", the results say \"yes\""}},
		{"no page", somePage, "", []string{"Server"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			page := strings.Replace(somePage, tt.old, tt.new, 1)
			got := differences(parse(page), results, tt.columns)
			if page == "" {
				if len(got) != len(results) {
					t.Errorf("without a page there are the differences %q, want one for each row", got)
				}
				return
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("the differences are %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPathsMatchTemplates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		template, path string
		want           bool
	}{
		{"/", "/", true},
		{"/", "/version", false},
		{"/cache/{key}", "/cache/${id}", true},
		{"/cache/{key}", "/cache/a?b=c", true},
		{"/cache/{key}", "/cache/", false},
		{"/cache/{key}", "/cache/a/b", false},
		{"/echo/*", "/echo/", true},
		{"/echo/*", "/echo/a/b", true},
		{"/echo/*", "/echo", false},
		{"/readyz", "/readyz/enable", false},
	}
	for _, tt := range tests {
		if got := matches(tt.template, tt.path); got != tt.want {
			t.Errorf("matches(%q, %q) is %t, want %t", tt.template, tt.path, got, tt.want)
		}
	}
}

func TestFlagsBecomeVariables(t *testing.T) {
	t.Parallel()
	got := variables([]string{
		"--backend-url=http://a", "NAME=value", "--ui-color=a=b", "--backend-url=http://b", "--unready", "--cache-server=",
	})
	want := []string{
		"NAME=value", "PODINFO_BACKEND_URL=http://a,http://b", "PODINFO_UI_COLOR=a=b", "PODINFO_UNREADY=true",
		"PODINFO_CACHE_SERVER=",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the variables are %q, want %q", got, want)
	}
}
