package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// exitStatus ends podcli with a status that is the command's outcome and no failure to report.
type exitStatus int

func (s exitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }

func newSleep() *cobra.Command {
	var code int
	cmd := &cobra.Command{
		Use:   "sleep DURATION",
		Short: "Wait and exit, with any status",
		Long: "Wait and exit, with any status: what a Job or a test needs to try how its caller deals with time and\n" +
			"failure, in an image without a shell. SIGTERM and SIGINT end it early, with 143 and 130.",
		Example: "  podcli sleep 5s\n" +
			"  podcli sleep 1m30s --exit-code=1",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			duration, err := time.ParseDuration(args[0])
			if err != nil || duration < 0 {
				return fmt.Errorf("the duration %q is not a number of 0 or more with a unit, such as 30s or 1m30s", args[0])
			}
			if code < 0 || code > 255 {
				return fmt.Errorf("--exit-code is required to be from 0 to 255, not %d", code)
			}
			if got := sleep(cmd.ErrOrStderr(), duration, code); got != 0 {
				return exitStatus(got)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&code, "exit-code", 0, "exit status after the wait")
	return cmd
}

// sleep returns code after the duration. A signal makes it return at once what a shell reports for a process that the
// signal has ended. It catches signals because the kernel spares process 1 of a container their default action.
func sleep(log io.Writer, duration time.Duration, code int) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()

	logLine(log, "sleeping", slog.Duration("duration", duration), slog.Int("exit code", code))
	select {
	case caught := <-signals:
		logLine(log, "woken", slog.String("signal", caught.String()))
		return 128 + int(caught.(syscall.Signal))
	case <-ctx.Done():
		return code
	}
}
