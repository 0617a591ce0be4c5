package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// The bounds of the figures that are not requests.
const (
	mustAllocs = 19.0
	mustStart  = 1.8
	mustRSS    = 18 // MiB
	mustSize   = 22 // MiB
)

// preamble says how the figures came about.
const preamble = `Written by "make bench"; run it to measure your own machine. podinfo (level info, Prometheus on,
tracing off) runs beside a bare net/http server that answers with the same bytes. Both are pinned to one core, the load
of %d keep-alive connections to another; they take turns of %s over %d rounds. Ratios are podinfo over bare: median
(minimum–maximum). CPU time is user and system time of the server's process.

`

// report is docs/benchmarks.md.
func report(s settings, m *measurements) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmarks\n\n")
	fmt.Fprintf(&b, preamble, s.clients, s.duration, s.rounds)
	fmt.Fprintf(&b, "Measured on %s, %d cores, %s %s/%s.\n\n",
		cpuModel(), cores(), runtime.Version(), runtime.GOOS, runtime.GOARCH)

	fmt.Fprintf(&b, "## Requests\n\n")
	fmt.Fprintf(&b, "| request | CPU per request vs bare | must | holds | µs (bare) | requests/s vs bare | requests/s |\n")
	fmt.Fprintf(&b, "|---|---|---|---|---|---|---|\n")
	for _, r := range m.rows {
		fmt.Fprintf(&b, "| %s | %s | ≤ %.2f | %s | %.1f (%.1f) | %s | %.0f |\n", r.name, spread(r.cpu), r.must,
			verdict(r.cpu.median(), r.must), r.microseconds, r.bare, spread(r.rate), r.requestsPerSecond)
	}

	fmt.Fprintf(&b, "\n## Footprint\n\n| figure | podinfo | bare | must | holds |\n|---|---|---|---|---|\n")
	fmt.Fprintf(&b, "| allocations per request, GET /version | %.1f | %.1f | ≤ %.0f | %s |\n",
		m.allocs, m.bareAllocs, mustAllocs, verdict(m.allocs, mustAllocs))
	fmt.Fprintf(&b, "| cold start, exec to first 200, %d runs | %.1f ms, ratio %s | %.1f ms | ≤ %.1f x bare | %s |\n",
		s.starts, median(m.start), spread(m.startRatios), median(m.bareStart), mustStart,
		verdict(m.startRatios.median(), mustStart))
	fmt.Fprintf(&b, "| idle memory (RSS) | %.1f MiB | %.1f MiB | ≤ %d MiB | %s |\n",
		mebi(m.rss), mebi(m.bareRSS), mustRSS, verdict(mebi(m.rss), mustRSS))
	fmt.Fprintf(&b, "| bin/podinfo, stripped | %.1f MiB | | ≤ %d MiB | %s |\n",
		mebi(m.podinfoSize), mustSize, verdict(mebi(m.podinfoSize), mustSize))
	fmt.Fprintf(&b, "| bin/podcli, stripped | %.1f MiB | | | |\n", mebi(m.podcliSize))
	return b.Bytes()
}

// mebi converts bytes to MiB.
func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// spread writes ratios as median (minimum–maximum).
func spread(r ratios) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", r.median(), slices.Min(r), slices.Max(r))
}

// cores counts the machine's cores; runtime.NumCPU would count the one that this process is pinned to.
func cores() int {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.NumCPU()
	}
	return bytes.Count(data, []byte("processor\t:"))
}

// cpuModel is the processor's name, as Linux tells it.
func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "an unknown processor"
}
