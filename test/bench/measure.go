package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// figure is one request to measure and the ratio it must not exceed.
type figure struct {
	name, method, path string
	body               string
	echo               bool
	must               float64 // CPU time per request, podinfo over bare
}

func figures() []figure {
	return []figure{
		{name: "GET /version", method: "GET", path: "/version", must: 1.12},
		{name: "GET /healthz", method: "GET", path: "/healthz", must: 1.12},
		{name: "GET /api/info", method: "GET", path: "/api/info", must: 1.12},
		{name: "GET /headers", method: "GET", path: "/headers", must: 1.15},
		{name: "POST /echo, 1 KiB", method: "POST", path: "/echo", body: strings.Repeat("x", 1024), echo: true, must: 1.00},
		{name: "POST /token", method: "POST", path: "/token", body: "alice", must: 1.5},
		{name: "GET /cache/k, Redis", method: "GET", path: "/cache/k", must: 2.5},
	}
}

// request is the figure's request as bytes.
func (f figure) request() []byte {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: bench\r\n", f.method, f.path)
	if f.body != "" {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(f.body))
	}
	return []byte(head + "\r\n" + f.body)
}

// ratios are podinfo's values over the bare server's, one a round.
type ratios []float64

func (r ratios) median() float64 { return median(r) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// row is what was measured of one figure.
type row struct {
	figure
	cpu, rate         ratios
	microseconds      float64 // CPU time per request of podinfo, median
	bare              float64 // the same of the bare server
	requestsPerSecond float64
}

// measurements are the whole run's.
type measurements struct {
	rows                    []row
	allocs, bareAllocs      float64 // a request, GET /version
	start, bareStart        []float64
	startRatios             ratios
	rss, bareRSS            int64
	podinfoSize, podcliSize int64
}

// bencher holds what the measurements need.
type bencher struct {
	settings
	dir           string
	progress      io.Writer
	bareBinary    string
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
	steps := []func(context.Context, *measurements) error{b.memory, b.requests, b.allocations, b.coldStarts, b.sizes}
	for _, step := range steps {
		if err := step(ctx, m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// prepare starts Redis and both servers; the bare one replays the answers that podinfo gives.
func (b *bencher) prepare(ctx context.Context) error {
	b.bareBinary = filepath.Join(b.dir, "bare")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.bareBinary,
		"./test/bench/bare")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the bare server: %w\n%s", err, out)
	}
	redis, err := b.startRedis(ctx)
	if err != nil {
		return err
	}
	if b.podinfo, _, err = b.startPodinfo(ctx, "--cache-server=tcp://"+redis); err != nil {
		return err
	}
	if err := b.record(); err != nil {
		return err
	}
	b.bare, _, err = b.startBare(ctx)
	return err
}

func (b *bencher) stopAll() {
	for _, p := range []*process{b.podinfo, b.bare, b.redis} {
		if p != nil {
			p.stop()
		}
	}
}

func (b *bencher) startRedis(ctx context.Context) (addr string, err error) {
	addr, err = freeAddr()
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.CommandContext(ctx, "taskset", "-c", loadCore, "redis-server", "--port", port, "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", b.dir)
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("redis-server: %w", err)
	}
	b.redis = &process{cmd: cmd, addr: addr}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if conn, err := net.Dial("tcp", addr); err == nil {
			return addr, conn.Close()
		}
	}
	return "", errors.New("redis-server does not answer")
}

// startPodinfo starts the server as it is deployed: level info, metrics on.
func (b *bencher) startPodinfo(ctx context.Context, extra ...string) (*process, time.Duration, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, 0, err
	}
	host, port, _ := net.SplitHostPort(addr)
	metrics, err := freeAddr()
	if err != nil {
		return nil, 0, err
	}
	_, metricsPort, _ := net.SplitHostPort(metrics)
	argv := []string{b.settings.podinfo, "--host=" + host, "--port=" + port, "--port-metrics=" + metricsPort,
		"--data-path=" + b.dir}
	return start(ctx, serverCore, addr, "/version", append(argv, extra...)...)
}

func (b *bencher) startBare(ctx context.Context) (*process, time.Duration, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, 0, err
	}
	return start(ctx, serverCore, addr, "/version", b.bareBinary, addr, b.answers)
}

// record asks podinfo every figure's request once and keeps the answers for the bare server.
func (b *bencher) record() error {
	if _, err := fetch("http://"+b.podinfo.addr+"/cache/k", "PUT", strings.NewReader("a value")); err != nil {
		return err
	}
	type answer struct {
		Path   string
		Status int
		Header [][2]string
		Body   string
		Echo   bool
		Read   bool
	}
	var answers []answer
	for _, f := range figures() {
		got, err := fetch("http://"+b.podinfo.addr+f.path, f.method, strings.NewReader(f.body))
		if err != nil {
			return err
		}
		var header [][2]string
		for name := range got.header {
			if name != "Date" && name != "Content-Length" && name != "Connection" {
				header = append(header, [2]string{name, got.header.Get(name)})
			}
		}
		answers = append(answers, answer{
			Path: f.path, Status: got.status, Header: header, Body: got.body, Echo: f.echo, Read: f.body != "",
		})
	}
	data, err := json.Marshal(answers)
	if err != nil {
		return err
	}
	return os.WriteFile(b.answers, data, 0o600)
}

// requests measures every figure, podinfo and bare in turns, the first turn alternating.
func (b *bencher) requests(ctx context.Context, m *measurements) error {
	for _, f := range figures() {
		r := row{figure: f}
		var own, bare, rates []float64
		for round := range b.rounds {
			var cost, rate [2]float64
			for turn := range 2 {
				i := (round + turn) % 2
				var err error
				if cost[i], rate[i], err = b.turn(ctx, []*process{b.podinfo, b.bare}[i], f); err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
			}
			r.cpu = append(r.cpu, cost[0]/cost[1])
			r.rate = append(r.rate, rate[0]/rate[1])
			own, bare, rates = append(own, cost[0]), append(bare, cost[1]), append(rates, rate[0])
		}
		r.microseconds, r.bare, r.requestsPerSecond = median(own), median(bare), median(rates)
		m.rows = append(m.rows, r)
		fmt.Fprintf(b.progress, "%-22s CPU %.2f x bare (must %.2f)\n", f.name, r.cpu.median(), f.must)
	}
	return nil
}

// turn puts one server under load and returns its CPU time per request in microseconds and its requests per second.
func (b *bencher) turn(ctx context.Context, p *process, f figure) (cost, rate float64, err error) {
	if _, err = load(ctx, p.addr, f.request(), b.clients, b.duration/5); err != nil {
		return 0, 0, err
	}
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	n, err := load(ctx, p.addr, f.request(), b.clients, b.duration)
	if err != nil {
		return 0, 0, err
	}
	elapsed := time.Since(begin)
	after, err := p.cpu()
	if n == 0 {
		return 0, 0, errors.New("no answers")
	}
	return float64((after - before).Nanoseconds()) / 1000 / float64(n), float64(n) / elapsed.Seconds(), err
}

// allocations counts the objects that one GET /version costs in each server.
func (b *bencher) allocations(ctx context.Context, m *measurements) (err error) {
	if m.allocs, err = b.allocsPerRequest(ctx, b.podinfo, "/metrics"); err != nil {
		return err
	}
	m.bareAllocs, err = b.allocsPerRequest(ctx, b.bare, "/mallocs")
	return err
}

func (b *bencher) allocsPerRequest(ctx context.Context, p *process, counter string) (float64, error) {
	before, err := p.mallocs(counter)
	if err != nil {
		return 0, err
	}
	n, err := load(ctx, p.addr, figures()[0].request(), b.clients, 8*b.duration)
	if err != nil {
		return 0, err
	}
	after, err := p.mallocs(counter)
	return (after - before) / float64(n), err
}

// coldStarts measures the time from exec to the first 200, in milliseconds, in turns.
func (b *bencher) coldStarts(ctx context.Context, m *measurements) error {
	for range b.starts {
		own, took, err := b.startPodinfo(ctx)
		if err != nil {
			return err
		}
		own.stop()
		bare, bareTook, err := b.startBare(ctx)
		if err != nil {
			return err
		}
		bare.stop()
		m.start = append(m.start, took.Seconds()*1000)
		m.bareStart = append(m.bareStart, bareTook.Seconds()*1000)
		m.startRatios = append(m.startRatios, took.Seconds()/bareTook.Seconds())
	}
	return nil
}

// memory reads what both servers hold a second after their start, with nothing to do.
func (b *bencher) memory(ctx context.Context, m *measurements) error {
	idle, _, err := b.startPodinfo(ctx)
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

func (b *bencher) sizes(_ context.Context, m *measurements) error {
	for name, size := range map[string]*int64{b.settings.podinfo: &m.podinfoSize, b.podcli: &m.podcliSize} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		*size = info.Size()
	}
	return nil
}

// verdict says whether a figure keeps its bound.
func verdict[T cmp.Ordered](value, must T) string {
	if value <= must {
		return "yes"
	}
	return "**no**"
}
