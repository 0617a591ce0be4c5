package main

import (
	"context"
	"fmt"
	"time"
)

// mustStart bounds a cold start, as a multiple of the hello-world's.
const mustStart = 1.8

// coldStarts measures the time from exec to the first answer through the platform's own protocol: over HTTP, or over
// Lambda's Runtime API, where the answer to the first event counts.
func (b *bencher) coldStarts(ctx context.Context, m *measurements) error {
	server := func(c func(port, metrics string) command) starter {
		return func() (*process, time.Duration, error) { return startServer(ctx, c) }
	}
	function := func(binary string) starter {
		return func() (*process, time.Duration, error) {
			return startFunction(ctx, b.lambdaFunction(binary), versionEvent())
		}
	}
	for _, c := range []struct {
		name, library string
		ours, hello   starter
	}{
		{"podinfo", "net/http", server(b.podinfoServer()), server(b.helloServer("http"))},
		{"podinfo", "net/http and grpc-go", server(b.podinfoServer()), server(b.helloServer("grpc"))},
		{"podinfo-knative", "net/http", server(b.knativeServer), server(b.helloServer("http"))},
		{"podinfo-knative", "net/http and grpc-go", server(b.knativeServer), server(b.helloServer("grpc"))},
		{"bootstrap", "aws-lambda-go", function(b.ours("bootstrap")), function(b.yardstick("lambda"))},
		{
			"podinfo-function", "functions-framework-go",
			server(b.cloudFunction(b.ours("podinfo-function"), "Podinfo")),
			server(b.cloudFunction(b.yardstick("function"), "Hello")),
		},
	} {
		got, err := inTurns(b.starts, untilReady(c.ours), untilReady(c.hello))
		if err != nil {
			return err
		}
		row := comparison{name: "bin/" + c.name, library: c.library, unit: "ms", must: mustStart, pairs: got[0]}
		cpu := comparison{name: row.name + ", CPU time", library: c.library, unit: "ms", pairs: got[1]}
		m.starts = append(m.starts, row, cpu)
		fmt.Fprintf(b.progress, "%-22s cold start %.2f x hello on %s (must %.2f), CPU %.2f\n", c.name, row.ratio(), c.library,
			mustStart, cpu.ratio())
	}
	return nil
}

// starter starts what is measured and returns it once it has answered, with the time that this took.
type starter func() (*process, time.Duration, error)

// untilReady measures a start in milliseconds: how long it takes, and the CPU time that the process uses.
func untilReady(start starter) side {
	return func() ([]float64, error) {
		p, took, err := start()
		if err != nil {
			return nil, err
		}
		defer p.stop()
		used, err := p.cpu()
		return []float64{microseconds(took) / 1000, microseconds(used) / 1000}, err
	}
}
