// Command bench measures podinfo beside a bare net/http server that answers with the same bytes, in one run and
// interleaved, and writes what it finds to docs/benchmarks.md. Machines differ and are noisy, so the figures that
// count are ratios.
//
// The servers run on the first core and the load on the second. CPU time is user and system time of the server's
// process. It needs Linux, two cores, taskset, and redis-server for the cache's row.
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
	starts   int           // cold starts of each server
	podinfo  string        // the binary to measure
	podcli   string
	out      string // the document to write
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.rounds, "rounds", 31, "rounds of every request against both servers, at least 5")
	flags.DurationVar(&s.duration, "duration", 250*time.Millisecond, "one server's turn in a round")
	flags.IntVar(&s.clients, "clients", 16, "keep-alive connections")
	flags.IntVar(&s.starts, "starts", 20, "cold starts of each server")
	flags.StringVar(&s.podinfo, "podinfo", "bin/podinfo", "the server to measure")
	flags.StringVar(&s.podcli, "podcli", "bin/podcli", "the command line client, for its size")
	flags.StringVar(&s.out, "out", "docs/benchmarks.md", "the document to write")
	if flags.Parse(args) != nil {
		return 2
	}
	if s.rounds < 5 {
		fmt.Fprintf(stderr, "bench: -rounds %d: at least 5 are needed to tell noise from cost\n", s.rounds)
		return 2
	}
	if err := bench(ctx, s, stderr); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// bench pins itself to the load's core by starting itself again under taskset, measures and writes the report.
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
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", loadCore, self}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), "BENCH_PINNED=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
