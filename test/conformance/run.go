package conformance

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// RunSlow is the environment variable that, when it is not empty, makes the slow cases run too.
const RunSlow = "CONFORMANCE_SLOW"

const (
	// caseTimeout bounds the steps of a case, finallyTimeout those that tidy up after it.
	caseTimeout    = 60 * time.Second
	finallyTimeout = 10 * time.Second
)

// Verdict says what a result means for the subtest of its case. It may end the subtest.
type Verdict func(t testing.TB, r Result)

// Enforce fails the test of a case that failed, and skips that of one that could not run, with the reason.
func Enforce(t testing.TB, r Result) {
	t.Helper()
	switch r.Outcome {
	case Failed:
		t.Error(r.Explain())
	case Skipped:
		t.Skip(r.Text)
	}
}

// Observe leaves it at the report: nothing that a server does fails the test.
func Observe(testing.TB, Result) {}

// Run checks target against the groups of the table. Every case is a subtest of t, named target/group/case, about which
// verdict decides. The report holds a result for every case that -run did not filter out.
func Run(t *testing.T, target Target, groups []Group, verdict Verdict) Report {
	t.Helper()
	r := newRun(target, groups, verdict)
	t.Run(target.Name, r.all)
	return r.report()
}

// RunAll checks several targets side by side; the reports are in their order.
func RunAll(t *testing.T, targets []Target, groups []Group, verdict Verdict) []Report {
	t.Helper()
	runs := make([]*run, len(targets))
	t.Run("targets", func(t *testing.T) {
		for i, target := range targets {
			runs[i] = newRun(target, groups, verdict)
			t.Run(target.Name, func(t *testing.T) {
				t.Parallel()
				runs[i].all(t)
			})
		}
	})
	var reports []Report
	for _, r := range runs {
		if r != nil { // nil when -run leaves out all targets
			reports = append(reports, r.report())
		}
	}
	return reports
}

// run is one pass over the table.
type run struct {
	target  Target
	groups  []Group
	verdict Verdict

	mu      sync.Mutex
	results []Result
}

// newRun leaves out the cases about servers that withhold what the target does not.
func newRun(target Target, groups []Group, verdict Verdict) *run {
	r := &run{target: target, verdict: verdict}
	for _, g := range groups {
		g.Cases = slices.DeleteFunc(slices.Clone(g.Cases), func(c Case) bool {
			_, withheld := target.Withholds[c.Withheld]
			return c.Withheld != "" && !withheld
		})
		if len(g.Cases) > 0 {
			r.groups = append(r.groups, g)
		}
	}
	return r
}

func (r *run) all(t *testing.T) {
	r.shared(t)
	r.owned(t)
}

func (r *run) report() Report {
	cases := 0
	for _, g := range r.groups {
		cases += len(g.Cases)
	}
	return Report{Target: r.target.Name, Results: r.results, Whole: len(r.results) == cases}
}

// shared runs the cases that all use one server: first those that must be alone, one by one, then the others side by
// side.
func (r *run) shared(t *testing.T) {
	if !slices.ContainsFunc(r.groups, func(g Group) bool { return !g.own() }) {
		return
	}
	s, err := r.sharedServer(t)
	if err != nil {
		t.Fatalf("starting %s: %v", r.target.Name, err)
	}
	for _, alone := range []bool{true, false} {
		for _, g := range r.groups {
			if g.own() {
				continue
			}
			for _, c := range g.Cases {
				if c.Alone != alone {
					continue
				}
				t.Run(g.Name+"/"+c.Name, func(t *testing.T) {
					if !alone {
						t.Parallel()
					}
					r.judge(t, g, c, s, "")
				})
			}
		}
	}
}

func (r *run) sharedServer(t *testing.T) (*server, error) {
	if r.target.BaseURL != "" {
		return newServer(t, r.target, "")
	}
	started, err := r.target.Start(t, r.target.Settings)
	if err != nil {
		return nil, err
	}
	return newServer(t, started, "")
}

// owned runs the groups that have a server of their own, the groups side by side.
func (r *run) owned(t *testing.T) {
	for _, g := range r.groups {
		if !g.own() {
			continue
		}
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			s, skip := r.start(t, g)
			for _, c := range g.Cases {
				t.Run(c.Name, func(t *testing.T) { r.judge(t, g, c, s, skip) })
			}
		})
	}
}

// start starts the server of a group, or says why it cannot be had.
func (r *run) start(t *testing.T, g Group) (s *server, why string) {
	if r.target.Start == nil {
		return nil, "a server started with " + g.asks() + "; this one is run by somebody else"
	}
	if why := r.futile(g); why != "" {
		return nil, why
	}
	dir := g.prepare(t)
	stub := httptest.NewServer(stubBackend())
	t.Cleanup(stub.Close)
	settings := make([]string, len(g.Settings))
	for i, setting := range g.Settings {
		settings[i] = strings.NewReplacer("${dir}", dir, "${backend}", stub.URL).Replace(setting)
	}
	started, err := r.target.Start(t, settings)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, err.Error()
	}
	if err != nil {
		t.Fatalf("starting a server with %s: %v", g.asks(), err)
	}
	s, err = newServer(t, started, dir)
	if err != nil {
		t.Fatal(err)
	}
	s.backend = stub.URL
	return s, ""
}

// prepare makes the directory with the files of the group, or returns "" when it has none.
func (g Group) prepare(t testing.TB) string {
	t.Helper()
	if !g.files() {
		return ""
	}
	dir := t.TempDir()
	for _, program := range g.Programs {
		testkit.InstallPlugin(t, program, dir, path.Base(program))
	}
	if g.Prepare == nil {
		return dir
	}
	if err := g.Prepare(dir); err != nil {
		t.Fatalf("preparing the files: %v", err)
	}
	return dir
}

// futile says why no server has to be started for a group, for want of something that all its cases need, or returns
// "". What depends on the addresses of the server shows only later.
func (r *run) futile(g Group) string {
	needs := slices.Clone(g.Needs)
	if g.files() {
		needs = append(needs, Files)
	}
	return r.target.refusing(needs...)
}

// asks names what a group wants its server to be started with.
func (g Group) asks() string {
	if len(g.Settings) == 0 {
		return "its defaults"
	}
	return strings.Join(g.Settings, " ")
}

// judge runs a case, unless there is a reason not to, and hands down the verdict. That reason is the first of why, what
// the target lacks, and that the case is slow.
func (r *run) judge(t testing.TB, g Group, c Case, s *server, why string) {
	t.Helper()
	result := newResult(g, c)
	needs := slices.Concat(c.Needs, g.Needs)
	if why == "" {
		why = s.target.Lacking(needs...)
	}
	switch {
	case why != "":
		result.Outcome, result.Text, result.Why = Skipped, "needs "+why, why
	case c.Slow && os.Getenv(RunSlow) == "":
		result.Outcome, result.Text = Skipped, "takes long; set "+RunSlow+"=1 to run it"
	default:
		began := time.Now()
		if err := c.run(s); err != nil {
			result.Outcome, result.Text = Failed, err.Error()
		}
		result.Took = time.Since(began)
		result.Limits = r.target.limits(needs)
	}
	r.mu.Lock()
	r.results = append(r.results, result)
	r.mu.Unlock()
	r.verdict(t, result)
}

// run does the steps of a case.
func (c Case) run(s *server) error {
	session := s.session()
	err := session.run(caseTimeout, c.Steps)
	if tidy := session.run(finallyTimeout, c.Finally); tidy != nil {
		err = errors.Join(err, fmt.Errorf("tidying up: %w", tidy))
	}
	return err
}
