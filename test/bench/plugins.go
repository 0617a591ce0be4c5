package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
)

// The most that the median call to a plugin may cost, as a multiple of the yardstick's.
const (
	mustPluginGRPC = 1.25 // plain gRPC
	mustPluginRPC  = 1.15 // go-plugin alone
)

// mustHostCost bounds what the host itself adds to a call, in microseconds.
const mustHostCost = 3.0

// plugins measures calls to plugins by a program of its own, which runs on both cores: there is no server whose cost
// would count alone.
func (b *bencher) plugins(ctx context.Context, m *measurements) error {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, b.yardstick("calls"),
		"-rounds="+strconv.Itoa(b.rounds), "-duration="+b.duration.String(), b.dir)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := startAnywhere(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("calls to plugins: %w\n%s", err, problems.Bytes())
	}
	var times map[string][]float64
	if err := json.Unmarshal(out.Bytes(), &times); err != nil {
		return fmt.Errorf("calls to plugins: %w", err)
	}
	add := func(own, yardstick string, must float64) {
		c := comparison{
			name: own, library: yardstick, unit: "µs", must: must,
			pairs: pairs{own: times["podinfo "+own], yardstick: times[yardstick]},
		}
		m.plugins = append(m.plugins, c)
		fmt.Fprintf(b.progress, "%-22s p50 %.2f x %s\n", "plugin "+own, c.ratio(), yardstick)
	}
	add("gRPC", "plain gRPC", mustPluginGRPC)
	add("gRPC", "bare gRPC", 0)
	add("net/rpc", "bare net/rpc", mustPluginRPC)
	return nil
}

// pluginHost measures what the host does for a call beside calling the plugin.
func (b *bencher) pluginHost(ctx context.Context, m *measurements) error {
	var times []float64
	for range b.rounds {
		values, err := b.benchmark(ctx, hostBenchmark, "BenchmarkCall")
		if err != nil {
			return fmt.Errorf("the plugin host's benchmark: %w", err)
		}
		times = append(times, values[0])
	}
	m.hostCost = median(times)
	fmt.Fprintf(b.progress, "%-22s %.2f µs (must %.0f)\n", "plugin host", m.hostCost, mustHostCost)
	return nil
}
