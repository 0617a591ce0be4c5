package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"
)

// mustInvocation bounds an invocation's cost, as a multiple of what it costs a plain function.
const mustInvocation = 1.5

//go:embed event.json
var event []byte

// versionEvent is GET /version as an HTTP API hands it to a function in its payload format 2.0
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
func versionEvent() []byte {
	var compact bytes.Buffer
	if err := json.Compact(&compact, event); err != nil {
		panic(err) // The file is part of this program.
	}
	return compact.Bytes()
}

// invocations measures whole invocations, as the function's process sees them: bin/bootstrap beside a plain function
// that returns the same answer.
func (b *bencher) invocations(ctx context.Context, m *measurements) error {
	event := versionEvent()
	ours, _, err := startFunction(ctx, b.lambdaFunction(b.ours("bootstrap")), event)
	if err != nil {
		return err
	}
	defer ours.stop()
	plain, _, err := startFunction(ctx, b.lambdaFunction(b.yardstick("lambda"), string(ours.first)), event)
	if err != nil {
		return err
	}
	defer plain.stop()
	if err := sameBody(ours.first, plain.first); err != nil {
		return err
	}
	invoke := func(p *process) side {
		return func() ([]float64, error) {
			values, err := b.turn(p, func(d time.Duration) (int64, error) { return invokeFor(ctx, p.api, event, d) })
			if err != nil {
				return nil, err
			}
			return []float64{values[0], 1e6 / values[1]}, nil
		}
	}
	got, err := inTurns(b.rounds, invoke(ours), invoke(plain))
	if err != nil {
		return fmt.Errorf("invocations: %w", err)
	}
	m.invocations = append(m.invocations,
		comparison{name: "invocation over the Runtime API, CPU time", unit: "µs", must: mustInvocation, pairs: got[0]},
		comparison{name: "invocation over the Runtime API, time", unit: "µs", pairs: got[1]})
	fmt.Fprintf(b.progress, "%-22s CPU %.2f x plain (must %.2f)\n", "invocation", got[0].ratio(), mustInvocation)
	return nil
}

// sameBody makes sure that two answers to an event carry the same to the caller.
func sameBody(ours, plain []byte) error {
	var bodies [2]struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	for i, answer := range [][]byte{ours, plain} {
		if err := json.Unmarshal(answer, &bodies[i]); err != nil {
			return fmt.Errorf("answer %s: %w", answer, err)
		}
	}
	if bodies[0] != bodies[1] || bodies[0].Body == "" {
		return fmt.Errorf("the answers differ: %s and %s", ours, plain)
	}
	return nil
}

// invokeFor invokes a function for a while, one event after the other as Lambda does, and counts the answers.
func invokeFor(ctx context.Context, api *runtimeAPI, event []byte, d time.Duration) (answers int64, err error) {
	for end := time.Now().Add(d); time.Now().Before(end); answers++ {
		if _, err := api.invoke(ctx, event); err != nil {
			return answers, err
		}
	}
	return answers, nil
}

// inProcess measures what becomes of an event in the function, without the Runtime API: the adapter and the handlers
// beside a plain function of aws-lambda-go.
func (b *bencher) inProcess(ctx context.Context, m *measurements) error {
	run := func(name string) side {
		return func() ([]float64, error) { return b.benchmark(ctx, adapterBenchmark, "BenchmarkInvoke/"+name) }
	}
	got, err := inTurns(b.rounds, run("ours"), run("plain"))
	if err != nil {
		return fmt.Errorf("the adapter's benchmark: %w", err)
	}
	m.invocations = append(m.invocations,
		comparison{name: "event in process, time", unit: "µs", must: mustInvocation, pairs: got[0]},
		comparison{name: "event in process, allocations", pairs: got[1]})
	fmt.Fprintf(b.progress, "%-22s time %.2f x plain (must %.2f)\n", "event in process", got[0].ratio(), mustInvocation)
	return nil
}
