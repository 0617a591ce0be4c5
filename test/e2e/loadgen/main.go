// Command loadgen keeps sending requests to a URL from inside a cluster, and writes once a second, as one line of
// JSON, how all of them have ended so far. It stops on SIGTERM, which `loadgen stop` sends to the one that is the first
// process of the same container: it lets the requests that are under way end, writes the last report and exits with 0.
//
// No failure is lost: whatever is not a 2xx with a whole body is counted. Requests that Go's HTTP client sends a second
// time by itself, because a kept connection was closed before anything was answered, are counted apart.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// reportEvery is how often a report is written.
const reportEvery = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "stop" {
		if err := syscall.Kill(1, syscall.SIGTERM); err != nil {
			fmt.Fprintln(stderr, "stopping process 1:", err)
			return 1
		}
		return 0
	}
	options, err := parse(args, stderr)
	if err != nil {
		return 2
	}
	tally := newTally()
	written := make(chan struct{})
	working, done := context.WithCancel(context.Background())
	go func() {
		defer close(written)
		tally.report(working, reportEvery, stdout)
	}()
	load(ctx, options, tally)
	done()
	<-written
	return 0
}

// options say what is requested and how; see the flags.
type options struct {
	url, host, body  string
	keepAlive, fresh int
	pause, timeout   time.Duration
	h2c, grpc        bool
	countBy          *regexp.Regexp // nil: nothing is counted by
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var countBy string
	flags := flag.NewFlagSet("loadgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.host, "host", "", "Host header instead of the URL's host")
	flags.StringVar(&o.body, "body", "", "body to send with POST instead of GET")
	flags.IntVar(&o.keepAlive, "keep-alive", 1, "workers that each stay on one connection")
	flags.IntVar(&o.fresh, "fresh", 1, "workers that make a connection for every request")
	flags.DurationVar(&o.pause, "pause", 25*time.Millisecond, "what each worker waits between two requests")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "bound on one request")
	flags.BoolVar(&o.h2c, "h2c", false, "speak HTTP/2 without TLS")
	flags.BoolVar(&o.grpc, "grpc", false, "call the gRPC method that the URL's path names, with an empty message")
	flags.StringVar(&countBy, "count-by", "", "regular expression whose first group, found in bodies, is counted by")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() != 1 {
		fmt.Fprintln(stderr, "one URL is needed")
		return o, flag.ErrHelp
	}
	o.url = flags.Arg(0)
	if countBy == "" {
		return o, nil
	}
	var err error
	if o.countBy, err = regexp.Compile(countBy); err == nil && o.countBy.NumSubexp() == 0 {
		err = fmt.Errorf("%q has no group", countBy)
	}
	if err != nil {
		fmt.Fprintln(stderr, "-count-by:", err)
	}
	return o, err
}

// load runs all workers until ctx is done.
func load(ctx context.Context, o options, t *tally) {
	if !answers(ctx, o) {
		return
	}
	var workers sync.WaitGroup
	for range o.keepAlive {
		workers.Go(func() { work(ctx, newClient(o, true), o, t) })
	}
	for range o.fresh {
		workers.Go(func() { work(ctx, newClient(o, false), o, t) })
	}
	workers.Wait()
}

// answers waits until the server has answered a few connections in a row: a Service can refuse some for a moment after
// its pods are ready. It tells false when ctx is done before.
func answers(ctx context.Context, o options) bool {
	const inARow = 5
	client := newClient(o, false)
	for good := 0; good < inARow; {
		if result := client.get(); result.failure == "" {
			good++
		} else {
			good = 0
		}
		if !pause(ctx, 50*time.Millisecond) {
			return false
		}
	}
	return true
}

func work(ctx context.Context, client *client, o options, t *tally) {
	defer client.close()
	for {
		t.add(client.get())
		if !pause(ctx, o.pause) {
			return
		}
	}
}

// pause waits and tells whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
