package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// measurements are the whole run's.
type measurements struct {
	rows               []row
	allocs, bareAllocs float64 // a request, GET /version
	rss, bareRSS       int64
	starts             []comparison
	invocations        []comparison
	plugins            []comparison
	hostCost           float64 // of a call to a plugin, in microseconds
	sizes              []artifact
}

// comparison is what was measured of something beside its yardstick.
type comparison struct {
	name    string
	library string // that of the yardstick, where the rows differ in it
	unit    string
	must    float64 // of the ratio's median; 0 is no bound
	pairs
}

// bencher holds what the measurements need.
type bencher struct {
	settings
	dir           string
	progress      io.Writer
	answers       string // the file of the bare server's answers
	redis         *process
	podinfo, bare *process
}

func measure(ctx context.Context, s settings, dir string, progress io.Writer) (*measurements, error) {
	b := &bencher{settings: s, dir: dir, progress: progress, answers: filepath.Join(dir, "answers.json")}
	defer b.stopAll()
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	m := new(measurements)
	for _, step := range []func(context.Context, *measurements) error{
		b.sizes, b.memory, b.requests, b.allocations, b.coldStarts, b.invocations, b.inProcess,
		b.plugins, b.pluginHost,
	} {
		if err := step(ctx, m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// prepare starts Redis and both servers; the bare one replays the answers that podinfo gives.
func (b *bencher) prepare(ctx context.Context) error {
	if err := b.build(ctx); err != nil {
		return err
	}
	redis, err := b.startRedis(ctx)
	if err != nil {
		return err
	}
	if b.podinfo, _, err = startServer(ctx, b.podinfoServer("--cache-server=tcp://"+redis)); err != nil {
		return err
	}
	if err := b.record(); err != nil {
		return err
	}
	b.bare, _, err = startServer(ctx, b.bareServer)
	return err
}

// build makes the yardsticks, each as the binary is made that is measured beside it, and the benchmarks.
func (b *bencher) build(ctx context.Context) error {
	builds := [][]string{
		{"test", "-c", "-o", b.yardstick(adapterBenchmark), "./targets/lambda/adapter"},
		{"test", "-c", "-o", b.yardstick(hostBenchmark), "./shared/plugin/host"},
	}
	for yardstick, ours := range map[string]string{
		"bare": "podinfo", "hello/http": "podinfo", "hello/grpc": "podinfo", "hello/lambda": "bootstrap",
		"hello/function": "podinfo-function", "plugin/calls": "podinfo", "plugin/echo": "podinfo", "plugin/plain": "podinfo",
		"plugin/bareplugin": "podinfo",
	} {
		tags, err := buildTags(b.ours(ours))
		if err != nil {
			return err
		}
		builds = append(builds, []string{"build", "-trimpath", "-buildvcs=false", "-tags=" + tags, "-ldflags=-s -w",
			"-o", b.dir, "./test/bench/" + yardstick})
	}
	for _, args := range builds {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building the yardsticks: %w\n%s", err, out)
		}
	}
	return nil
}

// buildTags tells the tags that a binary was built with.
func buildTags(binary string) (string, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", fmt.Errorf("%s: %w; build it with make build", binary, err)
	}
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			return s.Value, nil
		}
	}
	return "", nil
}

func (b *bencher) stopAll() {
	for _, p := range []*process{b.podinfo, b.bare, b.redis} {
		if p != nil {
			p.stop()
		}
	}
}

// startRedis starts Redis on the core of the load.
func (b *bencher) startRedis(ctx context.Context) (addr string, err error) {
	addr, err = freeAddr()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "redis-server", "--port", portOf(addr), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", b.dir)
	if err := startOn(loadCore, cmd); err != nil {
		return "", fmt.Errorf("redis-server: %w", err)
	}
	b.redis = &process{cmd: cmd, addr: addr}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if conn, err := net.Dial("tcp", addr); err == nil {
			return addr, conn.Close()
		}
	}
	return "", errors.New("redis-server does not answer")
}

// memory reads what both servers hold a second after their start, with nothing to do.
func (b *bencher) memory(ctx context.Context, m *measurements) error {
	idle, _, err := startServer(ctx, b.podinfoServer())
	if err != nil {
		return err
	}
	defer idle.stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
	}
	if m.rss, err = idle.rss(); err != nil {
		return err
	}
	m.bareRSS, err = b.bare.rss()
	return err
}
