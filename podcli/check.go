package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newCheck() *cobra.Command {
	check := &cobra.Command{
		Use:   "check",
		Short: "Check that a service answers as a healthy one does",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	check.AddCommand(newCheckHTTP(), newCheckTCP(), newCheckCert(), newCheckGRPC(), newCheckWS(),
		newCheckToken(), newCheckCache())
	return check
}

// errUnhealthy is what a probe returns for a service that answered, but not as a healthy one does. What the probe saw
// says more than an error text, so the log shows only that.
var errUnhealthy = errors.New("unhealthy")

// A probe looks at the service once, until ctx ends, and returns what it saw for the log.
type probe func(ctx context.Context) (saw []slog.Attr, err error)

// tries says how often a check looks and how long it waits.
type tries struct {
	retry   int           // tries after the first one has failed
	delay   time.Duration // wait between two tries, never before the first
	timeout time.Duration // bound on each try
}

func (t *tries) addFlags(flags *pflag.FlagSet) {
	flags.IntVar(&t.retry, "retry", 0, "how many times to try again after a failure")
	flags.DurationVar(&t.delay, "delay", time.Second, "wait between two tries")
	flags.DurationVar(&t.timeout, "timeout", 5*time.Second, "bound on each try")
}

func (t *tries) validate() error {
	switch {
	case t.retry < 0:
		return fmt.Errorf("--retry is required to be 0 or more, not %d", t.retry)
	case t.delay < 0:
		return fmt.Errorf("--delay is required to be 0 or more, not %s", t.delay)
	}
	return validTimeout(t.timeout)
}

func validTimeout(timeout time.Duration) error {
	if timeout <= 0 {
		return fmt.Errorf("--timeout is required to be more than 0, not %s", timeout)
	}
	return nil
}

// run looks at address through look until it succeeds or the tries are used up, and logs each of them.
func (t *tries) run(cmd *cobra.Command, address string, look probe) error {
	if err := t.validate(); err != nil {
		return err
	}
	return t.repeat(func() error {
		saw, err := t.once(look)
		attrs := append([]slog.Attr{slog.String("address", address)}, saw...)
		if err == nil {
			logLine(cmd.ErrOrStderr(), "check succeed", attrs...)
			return nil
		}
		if !errors.Is(err, errUnhealthy) {
			attrs = append(attrs, slog.String("error", err.Error()))
		}
		logLine(cmd.ErrOrStderr(), "check failed", attrs...)
		return err
	})
}

// repeat calls try until it returns nil, 1+retry times at most, delay apart.
func (t *tries) repeat(try func() error) error {
	for left := t.retry; ; left-- {
		if try() == nil {
			return nil
		}
		if left == 0 {
			return errReported
		}
		<-time.After(t.delay)
	}
}

// once bounds look by the timeout.
func (t *tries) once(look probe) (saw []slog.Attr, err error) {
	err = within(t.timeout, func(ctx context.Context) error {
		saw, err = look(ctx)
		return err
	})
	return saw, err
}

// within bounds do by the timeout, and puts the end of its time into plain words.
func within(timeout time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := do(ctx)
	// The network's own timer may fire just before the context's, so the context alone cannot tell.
	late := ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
	if err != nil && late {
		return fmt.Errorf("no complete answer within %s; see --timeout", timeout)
	}
	return err
}
