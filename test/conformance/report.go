package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is what became of a case.
type Outcome int

// A case either passed, failed, or could not run.
const (
	Passed Outcome = iota
	Failed
	Skipped
)

// Result is what became of one case on one target.
type Result struct {
	Group string
	// Routes, Services and Theme are those of the group.
	Routes, Services []string
	Theme            string
	// Requests are those of the case, as far as its steps tell: the method and path of each, such as "GET /cache/${id}",
	// or "CALL echo.EchoService/Echo". Variables are not expanded.
	Requests []string
	Case     string
	Outcome  Outcome
	// Text says what was wrong, or why the case was skipped.
	Text string
	// Why names what the target lacks for a case that was skipped; "" if the case can run there.
	Why string
	// Aside is set for a case that needs another kind of connection than its group does, such as a case over gRPC among
	// those of an HTTP route: that it was skipped says nothing about the matter of the group.
	Aside bool
	// Limits are what the target says about capabilities that the case needs and that the target has.
	Limits []string
	// Differs and Withheld are those of the case.
	Differs  string
	Withheld Capability
	Took     time.Duration
}

// Plan returns a result without an outcome for every case, to see what the cases are about.
func Plan(groups []Group) []Result {
	var results []Result
	for _, g := range groups {
		for _, c := range g.Cases {
			results = append(results, newResult(g, c))
		}
	}
	return results
}

func newResult(g Group, c Case) Result {
	result := Result{
		Group: g.Name, Routes: g.Routes, Services: g.Services, Theme: g.Theme,
		Case: c.Name, Differs: c.Differs, Withheld: c.Withheld,
	}
	result.Aside = slices.ContainsFunc(c.Needs, Capability.connection)
	for _, step := range c.Steps {
		if told, tells := step.(interface{ requests() string }); tells {
			result.Requests = append(result.Requests, told.requests())
		}
	}
	return result
}

// Name returns "group: it does something".
func (r Result) Name() string { return r.Group + ": it " + r.Case }

// Explain returns what a person needs to know about a failure.
func (r Result) Explain() string {
	text := r.Name() + ", but it did not:\n" + indent(r.Text)
	if r.Differs != "" {
		text += "\nThis differs on purpose from the established podinfo, which " + r.Differs + "."
	}
	return text
}

// Report is what became of the cases that ran against one target.
type Report struct {
	Target  string
	Results []Result
	// Whole is set when -run has left out none of the cases.
	Whole bool
}

// With returns the results with this outcome, in order of their names.
func (r Report) With(outcome Outcome) []Result {
	var some []Result
	for _, result := range r.Results {
		if result.Outcome == outcome {
			some = append(some, result)
		}
	}
	slices.SortFunc(some, func(a, b Result) int { return strings.Compare(a.Name(), b.Name()) })
	return some
}

// String returns the report as text: a line for each case, skipped ones with the reason, then the counts.
func (r Report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n", r.Target)
	for _, result := range r.With(Passed) {
		fmt.Fprintf(&text, "  ok    %s\n", result.Name())
	}
	for _, result := range r.With(Skipped) {
		fmt.Fprintf(&text, "  skip  %s (%s)\n", result.Name(), result.Text)
	}
	failed := r.With(Failed)
	for _, result := range failed {
		note := ""
		if result.Differs != "" {
			note = " (the established podinfo " + result.Differs + ")"
		}
		fmt.Fprintf(&text, "  FAIL  %s%s\n", result.Name(), note)
	}
	onPurpose := 0
	for _, result := range failed {
		if result.Differs != "" {
			onPurpose++
		}
	}
	fmt.Fprintf(&text, "%d passed, %d skipped, %d failed", len(r.With(Passed)), len(r.With(Skipped)), len(failed))
	if onPurpose > 0 {
		fmt.Fprintf(&text, ", %d of them where podinfo differs from the established one on purpose", onPurpose)
	}
	return text.String()
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
