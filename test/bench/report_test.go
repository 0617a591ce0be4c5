package main

import (
	"strings"
	"testing"
	"time"
)

// steady are pairs that are the same in every round.
func steady(own, yardstick float64) pairs {
	var p pairs
	for range 5 {
		p.add(own, yardstick)
	}
	return p
}

func TestReport(t *testing.T) {
	t.Parallel()
	out := string(report(settings{rounds: 5, starts: 7, clients: 3, duration: time.Second}, &measurements{
		rows:   []row{{figure: figures()[0], cpu: steady(2, 4), rate: steady(100, 50)}},
		allocs: 17, bareAllocs: 19, rss: 19 << 20, bareRSS: 6 << 20,
		starts: []comparison{
			{name: "bin/bootstrap", library: "aws-lambda-go", unit: "ms", must: 1.8, pairs: steady(9, 5)},
			{name: "bin/podinfo", library: "net/http", unit: "ms", must: 1.8, pairs: steady(10, 5)},
		},
		invocations: []comparison{{name: "allocations", pairs: steady(80, 64)}},
		sizes:       []artifact{{name: "bootstrap", must: 14, size: 14<<20 + 6000}, {name: "podcli", size: 9_960_000}},
	}))
	for _, want := range []string{
		"| GET /version | 0.50 (0.50–0.50) | ≤ 1.12 | yes | 2.0 (4.0) | 2.00 (2.00–2.00) | 100 |",
		"| allocations per request, GET /version | 17.0 | 19.0 | ≤ 19 | yes |",
		"| idle memory (RSS) | 19.0 MiB | 6.0 MiB | ≤ 18 MiB | **no** |",
		"| bin/bootstrap | 1.80 (1.80–1.80) | ≤ 1.8 | yes | 9.0 ms | 5.0 ms aws-lambda-go |",
		"| bin/podinfo | 2.00 (2.00–2.00) | ≤ 1.8 | **no** | 10.0 ms | 5.0 ms net/http |",
		"| allocations | 1.25 (1.25–1.25) | | | 80.0 | 64.0 |",
		"| bin/bootstrap | 14.01 MiB (14.69 MB) | ≤ 14 MiB | **no** |",
		"| bin/podcli | 9.50 MiB (9.96 MB) | | |",
	} {
		if !strings.Contains(out, "\n"+want+"\n") {
			t.Errorf("the report lacks the line\n%s\nin\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if len([]rune(line)) > 121 && !strings.HasPrefix(line, "|") {
			t.Errorf("a line of %d columns: %s", len([]rune(line)), line)
		}
	}
}
