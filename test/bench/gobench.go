package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// The benchmarks that are measured, as go test -c builds them: of the adapter and of the plugin host.
const (
	adapterBenchmark = "adapter.test"
	hostBenchmark    = "host.test"
)

// benchmark runs one benchmark for the duration of a turn on the servers' core, and returns its time in microseconds
// and its allocations.
func (b *bencher) benchmark(ctx context.Context, binary, name string) ([]float64, error) {
	var out bytes.Buffer
	pattern := "^" + strings.ReplaceAll(name, "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, b.yardstick(binary), "-test.run=^$", "-test.benchtime="+b.duration.String(),
		"-test.bench="+pattern)
	cmd.Stdout = &out
	if err := startOn(serverCore, cmd); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out.Bytes())
	}
	nanoseconds, allocs, err := parseBenchmark(out.String(), name)
	return []float64{nanoseconds / 1000, allocs}, err
}

// parseBenchmark reads the values of one benchmark in the format of https://go.dev/design/14313-benchmark-format: its
// name, perhaps with the number of cores, its iterations, and values with their units.
func parseBenchmark(out, name string) (nanoseconds, allocs float64, err error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != name && !strings.HasPrefix(fields[0], name+"-") {
			continue
		}
		values := make(map[string]float64)
		for i := 2; i+1 < len(fields); i += 2 {
			if values[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return 0, 0, fmt.Errorf("%s: %w", name, err)
			}
		}
		if values["ns/op"] == 0 || values["allocs/op"] == 0 {
			break
		}
		return values["ns/op"], values["allocs/op"], nil
	}
	return 0, 0, fmt.Errorf("no time and allocations of %s in %q", name, out)
}
