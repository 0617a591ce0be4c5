package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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

// row is what was measured of one figure.
type row struct {
	figure
	cpu  pairs // microseconds of CPU time per request
	rate pairs // requests per second
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

// requests measures every figure, podinfo and bare in turns.
func (b *bencher) requests(ctx context.Context, m *measurements) error {
	for _, f := range figures() {
		ask := func(p *process) side {
			return func() ([]float64, error) {
				return b.turn(p, func(d time.Duration) (int64, error) {
					return load(ctx, p.addr, f.request(), b.clients, d)
				})
			}
		}
		got, err := inTurns(b.rounds, ask(b.podinfo), ask(b.bare))
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		r := row{figure: f, cpu: got[0], rate: got[1]}
		m.rows = append(m.rows, r)
		fmt.Fprintf(b.progress, "%-22s CPU %.2f x bare (must %.2f)\n", f.name, r.cpu.ratio(), f.must)
	}
	return nil
}

// turn puts a process to work, warmed up, and returns its CPU time per answer in microseconds and its answers per
// second.
func (b *bencher) turn(p *process, work func(time.Duration) (int64, error)) ([]float64, error) {
	if _, err := work(b.duration / 5); err != nil {
		return nil, err
	}
	before, err := p.cpu()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	n, err := work(b.duration)
	if err != nil {
		return nil, err
	}
	elapsed := time.Since(begin)
	after, err := p.cpu()
	if n == 0 {
		return nil, errors.New("no answers")
	}
	return []float64{microseconds(after-before) / float64(n), float64(n) / elapsed.Seconds()}, err
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

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
