// Command calls measures calls of 1 KiB to plugins: podinfo's host beside plain gRPC over a Unix socket and beside bare
// go-plugin, in turns. It writes the median time of every turn, in microseconds, as JSON. Its argument is the directory
// of the programs echo, plain and bareplugin, built from the directories beside this one.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"
)

// size of what is echoed, in bytes.
const size = 1024

// patience is how long a plugin may take to come up.
const patience = 10 * time.Second

// echo has a plugin echo data.
type echo func(ctx context.Context, data []byte) ([]byte, error)

// opener brings one kind of plugin up, below the directory dir, until ctx ends or end is called.
type opener func(ctx context.Context, bin, dir string) (call echo, end func(), err error)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("calls", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("rounds", 31, "turns of every kind of plugin")
	duration := flags.Duration("duration", 250*time.Millisecond, "of one turn")
	if flags.Parse(args) != nil {
		return 2
	}
	if flags.NArg() != 1 {
		fmt.Fprintln(stderr, "calls: name the directory of the programs to measure")
		return 2
	}
	times, err := measure(ctx, flags.Arg(0), *rounds, *duration)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(times)
	}
	if err != nil {
		fmt.Fprintln(stderr, "calls:", err)
		return 1
	}
	return 0
}

// measure returns the median of every turn by the kind of plugin.
func measure(ctx context.Context, bin string, rounds int, turn time.Duration) (map[string][]float64, error) {
	dir, err := os.MkdirTemp("", "calls")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	kinds := map[string]opener{
		"plain gRPC": plainGRPC, "bare gRPC": bareGRPC, "bare net/rpc": bareRPC,
		"podinfo gRPC": hostGRPC, "podinfo net/rpc": hostRPC,
	}
	calls := make(map[string]echo)
	for kind, open := range kinds {
		call, end, err := open(ctx, bin, dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		defer end()
		calls[kind] = call
	}
	times := make(map[string][]float64)
	for range rounds {
		for kind, call := range calls { // in another order each time
			median, err := medianOf(ctx, call, turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", kind, err)
			}
			times[kind] = append(times[kind], median)
		}
	}
	return times, nil
}

// medianOf calls for a while, one call after the other, and returns their median in microseconds.
func medianOf(ctx context.Context, call echo, turn time.Duration) (float64, error) {
	data := bytes.Repeat([]byte("podinfo "), size/8)
	var times []time.Duration
	for end := time.Now().Add(turn); ; {
		start := time.Now()
		answer, err := call(ctx, data)
		now := time.Now()
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(answer, data) {
			return 0, fmt.Errorf("%d bytes came back that are not the %d that were sent", len(answer), len(data))
		}
		times = append(times, now.Sub(start))
		if now.After(end) {
			slices.Sort(times)
			return float64(times[len(times)/2]) / float64(time.Microsecond), nil
		}
	}
}
