package conformance

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
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
	r := &run{target: target, verdict: verdict}
	t.Run(target.Name, func(t *testing.T) {
		r.shared(t, groups)
		r.owned(t, groups)
	})
	return Report{Target: target.Name, Results: r.results}
}

// run is one pass over the table.
type run struct {
	target  Target
	verdict Verdict

	mu      sync.Mutex
	results []Result
}

// shared runs the cases that all use one server: first those that must be alone, one by one, then the others side by
// side.
func (r *run) shared(t *testing.T, groups []Group) {
	s, err := r.sharedServer(t)
	if err != nil {
		t.Fatalf("starting %s: %v", r.target.Name, err)
	}
	for _, alone := range []bool{true, false} {
		for _, g := range groups {
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
	started, err := r.target.Start(t, nil)
	if err != nil {
		return nil, err
	}
	return newServer(t, started, "")
}

// owned runs the groups that have a server of their own, the groups side by side.
func (r *run) owned(t *testing.T, groups []Group) {
	for _, g := range groups {
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
func (r *run) start(t *testing.T, g Group) (s *server, skip string) {
	if r.target.Start == nil {
		return nil, "needs a server started with " + g.asks() + "; this one is run by somebody else"
	}
	dir := ""
	if g.Prepare != nil {
		if reason, lacks := r.target.Lacks[Files]; lacks {
			return nil, "needs files: " + reason
		}
		dir = t.TempDir()
		if err := g.Prepare(dir); err != nil {
			t.Fatalf("preparing the files: %v", err)
		}
	}
	stub := httptest.NewServer(stubBackend())
	t.Cleanup(stub.Close)
	settings := make([]string, len(g.Settings))
	for i, setting := range g.Settings {
		settings[i] = strings.NewReplacer("${dir}", dir, "${backend}", stub.URL).Replace(setting)
	}
	started, err := r.target.Start(t, settings)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, "needs a server started with " + g.asks() + ": " + err.Error()
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

// asks names what a group wants its server to be started with.
func (g Group) asks() string {
	if len(g.Settings) == 0 {
		return "its defaults"
	}
	return strings.Join(g.Settings, " ")
}

// judge runs a case, unless there is a reason to skip it, and hands down the verdict.
func (r *run) judge(t testing.TB, g Group, c Case, s *server, skip string) {
	t.Helper()
	result := Result{Group: g.Name, Routes: g.Routes, Case: c.Name, Differs: c.Differs}
	if skip == "" {
		skip = s.target.Lacking(append(c.Needs[:len(c.Needs):len(c.Needs)], g.Needs...)...)
	}
	if skip == "" && c.Slow && os.Getenv(RunSlow) == "" {
		skip = "takes long; set " + RunSlow + "=1 to run it"
	}
	switch {
	case skip != "":
		result.Outcome, result.Text = Skipped, skip
	default:
		began := time.Now()
		if err := c.run(s); err != nil {
			result.Outcome, result.Text = Failed, err.Error()
		}
		result.Took = time.Since(began)
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
