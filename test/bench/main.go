// Command bench measures podinfo, on every platform, beside the least that the platform's library can do: a bare
// net/http server or a plain function that answers with the same bytes, and hello-worlds for the cold start. Both run
// in turns in one run, and what it finds it writes to docs/benchmarks.md. Machines differ and are noisy, so the figures
// that count are ratios.
//
// What is measured runs on the first core, what asks it on the second. CPU time is user and system time of the process
// that is measured. It needs Linux, two cores, and redis-server for the cache's row.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}

// settings of a run.
type settings struct {
	rounds   int           // of every request against both servers
	duration time.Duration // of one server's turn in a round
	clients  int           // keep-alive connections
	starts   int           // cold starts of every binary
	bin      string        // the directory of the binaries to measure
	out      string        // the document to write
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.rounds, "rounds", 31, "rounds of every request against both servers, at least 5")
	flags.DurationVar(&s.duration, "duration", 250*time.Millisecond, "one server's turn in a round")
	flags.IntVar(&s.clients, "clients", 16, "keep-alive connections")
	flags.IntVar(&s.starts, "starts", 41, "cold starts of every binary and of its hello-world")
	flags.StringVar(&s.bin, "bin", "bin", "the directory of the binaries to measure")
	flags.StringVar(&s.out, "out", "docs/benchmarks.md", "the document to write")
	if flags.Parse(args) != nil {
		return 2
	}
	if s.rounds < 5 || s.starts < 5 {
		fmt.Fprintf(stderr, "bench: -rounds %d, -starts %d: at least 5 are needed to tell noise from cost\n",
			s.rounds, s.starts)
		return 2
	}
	if err := bench(ctx, s, stderr); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// bench pins itself to the load's core by starting itself there again, measures and writes the report.
func bench(ctx context.Context, s settings, progress io.Writer) error {
	if os.Getenv("BENCH_PINNED") == "" {
		return pinned(ctx)
	}
	dir, err := os.MkdirTemp("", "podinfo-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	m, err := measure(ctx, s, dir, progress)
	if err != nil {
		return err
	}
	return os.WriteFile(s.out, report(s, m), 0o644)
}

func pinned(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), "BENCH_PINNED=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // It has processes of its own to end.
	if err := startOn(loadCore, cmd); err != nil {
		return err
	}
	return cmd.Wait()
}
