package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// The bounds of the server's footprint.
const (
	mustAllocs = 19.0
	mustRSS    = 18 // MiB
)

// preamble says how the figures came about.
const preamble = `Written by "make bench"; run it to measure your own machine. What is measured is pinned to one core,
what asks it to another. podinfo and its yardstick take turns. Ratios are podinfo over the yardstick, pair by pair:
median (minimum–maximum); other figures are medians. CPU time is user and system time of the process that is measured.

`

const aboutRequests = `podinfo (level info, Prometheus on, tracing off) runs beside a bare net/http server that
answers with the same bytes. %d keep-alive connections load them in turns of %s over %d rounds.

`

const aboutStarts = `From exec to the first answer to GET /version through the platform's protocol, beside a hello-world
on the same library (test/bench/hello), built with the same flags; %d pairs. On Lambda the protocol is that of the
Runtime API, the request an event of an HTTP API (payload format 2.0), and its answer arrives when the function has
posted it. The CPU time is what the process has used until then. podinfo and podinfo-knative serve gRPC too, so they
stand beside a hello-world without it and beside one with it.

`

const aboutInvocations = `GET /version as an event of an HTTP API, in turns of %s over %d rounds. Over the Runtime API:
bin/bootstrap, with all that it does for an invocation (metrics, logs, telemetry), beside a plain function on
aws-lambda-go that decodes the event and returns the same answer, both invoked on loopback, one event at a time. In
process: the adapter and the handlers alone, beside such a function, by the benchmark in targets/lambda/adapter.

`

const aboutPlugins = `One call after the other, 1 KiB as bytes there and back, the median of each turn of %s over %d
rounds: podinfo's plugin host with metrics and a deadline, beside a plain gRPC server behind a Unix socket and beside
go-plugin without podinfo, each in a process of its own, on both cores. The host's own part is what it adds to a call of
the plugin, by the benchmark in shared/plugin/host.

`

// report is docs/benchmarks.md.
func report(s settings, m *measurements) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmarks\n\n"+preamble)
	fmt.Fprintf(&b, "Measured on %s, %d cores, %s %s/%s.\n", cpuModel(), cores(), runtime.Version(), runtime.GOOS,
		runtime.GOARCH)

	fmt.Fprintf(&b, "\n## Requests to the server\n\n"+aboutRequests, s.clients, s.duration, s.rounds)
	fmt.Fprintf(&b, "| request | CPU per request vs bare | must | holds | µs (bare) | requests/s vs bare | requests/s |\n")
	fmt.Fprintf(&b, "|---|---|---|---|---|---|---|\n")
	for _, r := range m.rows {
		fmt.Fprintf(&b, "| %s | %s | ≤ %.2f | %s | %.1f (%.1f) | %s | %.0f |\n", r.name, spread(r.cpu), r.must,
			verdict(r.cpu.ratio(), r.must), median(r.cpu.own), median(r.cpu.yardstick), spread(r.rate), median(r.rate.own))
	}

	fmt.Fprintf(&b, "\n## Footprint of the server\n\n| figure | podinfo | bare | must | holds |\n|---|---|---|---|---|\n")
	fmt.Fprintf(&b, "| allocations per request, GET /version | %.1f | %.1f | ≤ %.0f | %s |\n",
		m.allocs, m.bareAllocs, mustAllocs, verdict(m.allocs, mustAllocs))
	fmt.Fprintf(&b, "| idle memory (RSS) | %.1f MiB | %.1f MiB | ≤ %d MiB | %s |\n",
		mebi(m.rss), mebi(m.bareRSS), mustRSS, verdict(mebi(m.rss), mustRSS))

	fmt.Fprintf(&b, "\n## Cold start\n\n"+aboutStarts, s.starts)
	compare(&b, "binary", "hello-world", m.starts)
	fmt.Fprintf(&b, "\n## Invocations on Lambda\n\n"+aboutInvocations, s.duration, s.rounds)
	compare(&b, "figure", "plain aws-lambda-go", m.invocations)

	fmt.Fprintf(&b, "\n## Calls to plugins\n\n"+aboutPlugins, s.duration, s.rounds)
	compare(&b, "call", "yardstick", m.plugins)
	fmt.Fprintf(&b, "\n| figure | podinfo | must | holds |\n|---|---|---|---|\n")
	fmt.Fprintf(&b, "| the host's own part of a call | %.1f µs | ≤ %.0f µs | %s |\n",
		m.hostCost, mustHostCost, verdict(m.hostCost, mustHostCost))

	fmt.Fprintf(&b, "\n## Size\n\nStripped binaries; a MB is 10⁶ bytes, a MiB 2²⁰.\n\n")
	fmt.Fprintf(&b, "| binary | size | must | holds |\n|---|---|---|---|\n")
	for _, a := range m.sizes {
		fmt.Fprintf(&b, "| bin/%s | %.2f MiB (%.2f MB) | %s |\n", a.name, mebi(a.size), float64(a.size)/1e6,
			bound(mebi(a.size), a.must, " MiB"))
	}
	return b.Bytes()
}

// compare writes a table of comparisons.
func compare(b *bytes.Buffer, what, yardstick string, list []comparison) {
	fmt.Fprintf(b, "| %s | ratio | must | holds | podinfo | %s |\n|---|---|---|---|---|---|\n", what, yardstick)
	for _, c := range list {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", c.name, spread(c.pairs), bound(c.ratio(), c.must, ""),
			strings.TrimSpace(fmt.Sprintf("%.1f %s", median(c.own), c.unit)),
			strings.TrimSpace(fmt.Sprintf("%.1f %s %s", median(c.yardstick), c.unit, c.library)))
	}
}

// bound fills the columns that say what a value must not exceed and whether it does; both stay empty without a bound.
func bound(value, must float64, unit string) string {
	if must == 0 {
		return "|"
	}
	return fmt.Sprintf("≤ %g%s | %s", must, unit, verdict(value, must))
}

// verdict says whether a figure keeps its bound.
func verdict[T cmp.Ordered](value, must T) string {
	if value <= must {
		return "yes"
	}
	return "**no**"
}

// mebi converts bytes to MiB.
func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// spread writes the ratios of pairs as median (minimum–maximum).
func spread(p pairs) string {
	r := p.ratios()
	return fmt.Sprintf("%.2f (%.2f–%.2f)", median(r), slices.Min(r), slices.Max(r))
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
