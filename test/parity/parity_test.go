package parity

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/test/conformance"
)

// page is the matrix in the repository.
const page = "../../docs/targets.md"

var update = flag.Bool("update", false, "write docs/targets.md instead of comparing it with the results")

// TestMain lets more cases run at once than there are processors, unless -parallel says how many: they spend their
// time waiting for servers. For the same reason the servers, which report data races, do not linger for a second when
// they end, as https://go.dev/doc/articles/race_detector#Options says that they do by default.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "24") // a flag that every test binary has
	}
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=50") // a name without NUL or =, which cannot fail
	}
	m.Run()
}

// platform is a target of the table with what the page says about it.
type platform struct {
	about  string
	target conformance.Target
}

// TestParity runs the table against every platform and holds the page against the results.
func TestParity(t *testing.T) {
	t.Parallel()
	platforms := slices.Concat(k8s(), knative(), functions(), cloudFunctions())
	var targets []conformance.Target
	for _, p := range platforms {
		targets = append(targets, p.target)
	}
	groups := conformance.Table()
	var columns []column
	complete := true
	for i, report := range conformance.RunAll(t, targets, groups, conformance.Enforce) {
		t.Logf("%s: %d passed, %d skipped, %d failed", report.Target, len(report.With(conformance.Passed)),
			len(report.With(conformance.Skipped)), len(report.With(conformance.Failed)))
		if !report.Whole {
			t.Logf("NOT COMPARED: some cases did not run against %s, so the page is not held against it", report.Target)
			complete = false
			continue
		}
		columns = append(columns, column{report.Target, platforms[i].about, report.Results})
	}
	switch {
	case t.Failed():
		t.Log("the page is not looked at as long as cases fail")
	case complete && *update:
		if err := os.WriteFile(page, []byte(render(sections(groups), columns)), 0o600); err != nil {
			t.Fatal(err)
		}
	case *update:
		t.Error("the page is not written, because not all cases ran against all targets")
	default:
		compare(t, sections(groups), columns, complete)
	}
}

// compare holds the page against the results: the whole text if there are results of all targets, else their columns.
func compare(t *testing.T, parts []section, columns []column, complete bool) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	found := differences(parse(string(text)), newMatrix(parts, columns), names)
	if len(found) == 0 && complete && string(text) != render(parts, columns) {
		found = append(found, "the text around the tables differs")
	}
	if len(found) > 0 && len(columns) > 0 {
		t.Errorf("docs/targets.md differs from the results; make parity writes it anew:\n%s", strings.Join(found, "\n"))
	}
}

// TestEveryRouteHasCases holds the table against the routes: each is the matter of some case, and no case is about a
// route that there is not.
func TestEveryRouteHasCases(t *testing.T) {
	t.Parallel()
	groups := conformance.Table()
	results := conformance.Plan(groups)
	for _, part := range sections(groups) {
		for _, r := range part.rows {
			if !slices.ContainsFunc(results, r.covers) {
				t.Errorf("no case is about %s", r.name)
			}
		}
	}
	var paths []string
	for _, route := range handlers.Routes() {
		paths = append(paths, route.Path)
	}
	for _, g := range groups {
		for _, path := range g.Routes {
			if !slices.Contains(paths, path) {
				t.Errorf("the group %q is about %s, which is no route", g.Name, path)
			}
		}
		for _, service := range g.Services {
			if !slices.Contains(conformance.Services(), service) {
				t.Errorf("the group %q is about %s, which is no service", g.Name, service)
			}
		}
	}
}

// withhold returns an error that wraps errors.ErrUnsupported if one of the settings, a flag or a variable, is one that
// the platform withholds, with the reason.
func withhold(settings []string, reasons map[string]string) error {
	for _, setting := range settings {
		written, _, _ := strings.Cut(setting, "=")
		if reason, withheld := reasons[strings.TrimPrefix(written, "--")]; withheld {
			return unsupported(written + ": " + reason)
		}
	}
	return nil
}

// unsupported is an error that reads as the reason alone.
type unsupported string

func (u unsupported) Error() string { return string(u) }

func (unsupported) Unwrap() error { return errors.ErrUnsupported }

// variables turns flags into the variables of the same settings, for platforms that know no flags. A flag that is
// repeated is a list.
func variables(settings []string) []string {
	var names, list []string
	values := map[string][]string{}
	for _, setting := range settings {
		flag, isFlag := strings.CutPrefix(setting, "--")
		if !isFlag {
			list = append(list, setting)
			continue
		}
		name, value, given := strings.Cut(flag, "=")
		if !given {
			value = "true"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		values[name] = append(values[name], value)
	}
	for _, name := range names {
		variable := "PODINFO_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		list = append(list, fmt.Sprintf("%s=%s", variable, strings.Join(values[name], ",")))
	}
	return list
}
