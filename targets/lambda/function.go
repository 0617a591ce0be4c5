package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// closeTimeout is what Lambda leaves between SIGTERM and SIGKILL, 500 ms, less the time to leave by oneself. See
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown.
const closeTimeout = 400 * time.Millisecond

// function is what Lambda invokes.
type function struct {
	app    *app.App
	events *adapter.Adapter
	cold   atomic.Bool // whether the next invocation is the one that waited for this process to start
	exit   func(code int)
}

func newFunction(a *app.App, events *adapter.Adapter, getenv func(string) string) *function {
	f := &function{app: a, events: events, exit: os.Exit}
	f.cold.Store(startsOnDemand(getenv))
	return f
}

// startsOnDemand tells whether somebody waits while the function starts. With provisioned concurrency, and on managed
// instances, it is started ahead of its first invocation.
func startsOnDemand(getenv func(string) string) bool {
	how := getenv("AWS_LAMBDA_INITIALIZATION_TYPE")
	return how == "" || how == "on-demand"
}

// invoke answers one event. Those that are HTTP requests go to the handlers; of the others only the warmers are known.
func (f *function) invoke(ctx context.Context, event json.RawMessage) (any, error) {
	ctx = withInvocation(ctx, f.cold.Swap(false))
	answer, err := f.events.Invoke(ctx, event)
	var unknown *adapter.UnknownEventError
	if errors.As(err, &unknown) && isWarmer(event) {
		return warmed{Status: "warm"}, nil
	}
	if err != nil {
		f.app.Log.WithContext(ctx).WithError(err).Error("invocation failed")
	}
	return answer, err
}

// terminate runs when Lambda has no more use for the process. What is closed last, telemetry, has to be done when
// closeTimeout is over, whatever the rest takes.
func (f *function) terminate() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		f.app.Close(ctx)
	}()
	select {
	case <-closed:
	case <-ctx.Done(): // The process ends, and with it what is still closing.
	}
	f.exit(0)
}
