// Package parity holds every platform against the one table of what podinfo's clients see, and writes down what works
// where: docs/targets.md is the matrix of routes and platforms, made from the results.
//
// The test in this package starts each target the way its platform does, with the stand-ins of test/platform where the
// platform itself cannot run here, and runs the conformance table against all of them side by side. No case may fail,
// and the matrix in the repository may not say anything else than the results.
package parity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/podinfo-targets/podinfo/test/conformance"
)

// column is one target in the matrix.
type column struct {
	name    string // short, for the head of the table
	about   string // a sentence about what ran
	results []conformance.Result
}

// cell is what the results say about one row on one target.
type cell struct {
	word    string   // yes, no or partly
	reasons []string // sorted
}

// newCell judges the results that are about a row. What a server refuses with an answer that says why counts as
// missing, however well it does so.
func newCell(r row, results []conformance.Result) cell {
	works := false
	reasons := map[string]bool{}
	for _, result := range results {
		if !r.covers(result) {
			continue
		}
		if result.Why != "" && !result.Aside {
			reasons[result.Why] = true
		}
		if result.Outcome != conformance.Passed || result.Withheld != "" {
			continue
		}
		works = true
		for _, limit := range result.Limits {
			reasons[limit] = true
		}
	}
	c := cell{word: "yes"}
	for reason := range reasons {
		c.reasons = append(c.reasons, reason)
	}
	slices.Sort(c.reasons)
	switch {
	case !works:
		c.word = "no"
	case len(reasons) > 0:
		c.word = "partly"
	}
	return c
}

// String is the cell with its reasons written out.
func (c cell) String() string { return strings.Join(append([]string{c.word}, c.reasons...), "; ") }

// matrix is the whole of it: the cells by the names of row and column.
type matrix map[string]map[string]cell

func newMatrix(parts []section, columns []column) matrix {
	m := matrix{}
	for _, part := range parts {
		for _, r := range part.rows {
			m[r.name] = map[string]cell{}
			for _, c := range columns {
				m[r.name][c.name] = newCell(r, c.results)
			}
		}
	}
	return m
}

const introduction = `# What works where

Made by ` + "`make parity`" + `: the [conformance table](../test/conformance) runs against every target, and the cells
below are its results. Change the code and run it; a test fails when this page says something else than the results.

* **yes**: every case about it passed.
* **partly**: every case that can run passed; the numbers say what is missing, or what to know.
* **no**: it is not there; the numbers say why. Routes that a server withholds answer 501 with the reason.

The targets are:

`

// render writes the page. The reasons are numbered in the order in which they are first met.
func render(parts []section, columns []column) string {
	var page strings.Builder
	page.WriteString(introduction)
	for _, c := range columns {
		fmt.Fprintf(&page, "* **%s**: %s\n", c.name, c.about)
	}
	var why notes
	m := newMatrix(parts, columns)
	for _, part := range parts {
		fmt.Fprintf(&page, "\n## %s\n\n| |", part.title)
		for _, c := range columns {
			page.WriteString(" " + c.name + " |")
		}
		page.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
		for _, r := range part.rows {
			page.WriteString("| " + r.name + " |")
			for _, c := range columns {
				page.WriteString(" " + why.short(m[r.name][c.name]) + " |")
			}
			page.WriteString("\n")
		}
	}
	page.WriteString("\n## Why\n\n")
	for i, note := range why.texts {
		fmt.Fprintf(&page, "%d. %s\n", i+1, note)
	}
	return page.String()
}

// notes numbers the reasons.
type notes struct{ texts []string }

// short writes a cell with the numbers of its reasons.
func (n *notes) short(c cell) string {
	var numbers []string
	for _, reason := range c.reasons {
		i := slices.Index(n.texts, reason)
		if i < 0 {
			i = len(n.texts)
			n.texts = append(n.texts, reason)
		}
		numbers = append(numbers, strconv.Itoa(i+1))
	}
	if len(numbers) == 0 {
		return c.word
	}
	return c.word + " (" + strings.Join(numbers, ", ") + ")"
}

// parse reads a page that render has written.
func parse(page string) matrix {
	m := matrix{}
	texts := map[string]string{}
	_, why, _ := strings.Cut(page, "\n## Why\n")
	for line := range strings.Lines(why) {
		if number, text, found := strings.Cut(strings.TrimSpace(line), ". "); found {
			texts[number] = text
		}
	}
	var head []string
	for line := range strings.Lines(page) {
		fields := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		switch {
		case !strings.HasPrefix(line, "|"):
			head = nil
		case head == nil:
			head = fields
		case !strings.HasPrefix(line, "|---"):
			m.read(head, fields, texts)
		}
	}
	return m
}

// read takes over one line of a table.
func (m matrix) read(head, fields []string, texts map[string]string) {
	cells := map[string]cell{}
	for i := 1; i < min(len(head), len(fields)); i++ {
		word, numbers, _ := strings.Cut(strings.TrimSpace(fields[i]), " (")
		c := cell{word: word}
		for number := range strings.SplitSeq(strings.TrimSuffix(numbers, ")"), ", ") {
			if number != "" {
				c.reasons = append(c.reasons, texts[number])
			}
		}
		slices.Sort(c.reasons)
		cells[strings.TrimSpace(head[i])] = c
	}
	m[strings.TrimSpace(fields[0])] = cells
}

// differences says where a page differs from the results, column by column; columns that the results do not have are
// left out of it.
func differences(page matrix, results matrix, columns []string) []string {
	var found []string
	for name, cells := range results {
		for _, c := range columns {
			if said, is := page[name][c].String(), cells[c].String(); said != is {
				found = append(found, fmt.Sprintf("%s on %s: the page says %q, the results say %q", name, c, said, is))
			}
		}
	}
	for name := range page {
		if _, known := results[name]; !known {
			found = append(found, name+": is on the page, and in no result")
		}
	}
	slices.Sort(found)
	return found
}
