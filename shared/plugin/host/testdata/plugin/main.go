// Command plugin is the plugin of the host's tests. It answers with what it gets, unless that is an order.
package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/plugin"
)

// version makes binaries of different content.
var version = "1"

type codec struct{}

func main() {
	if strings.HasSuffix(filepath.Base(os.Args[0]), "-stillborn") {
		os.Exit(7)
	}
	plugin.Serve(codec{})
}

// Info says which version runs.
func (codec) Info(context.Context) (plugin.Info, error) {
	return plugin.Info{Name: "Test", Version: version, ContentType: "application/x-test"}, nil
}

// Decode answers with the value.
func (codec) Decode(_ context.Context, value any) (any, error) { return value, nil }

// Encode obeys an order, which is a string.
func (codec) Encode(ctx context.Context, value any) (any, error) {
	order, ok := value.(string)
	if !ok {
		return value, nil
	}
	switch order {
	case "pid":
		return int64(os.Getpid()), nil
	case "version":
		return version, nil
	case "trace":
		return trace.SpanContextFromContext(ctx).TraceID().String(), nil
	case "refuse":
		return nil, errors.New("not this one")
	case "exit":
		os.Exit(3)
	case "hang":
		select {}
	case "slow":
		return order, wait(ctx, 300*time.Millisecond)
	case "socket":
		return os.TempDir(), nil
	case "limits":
		return os.ReadFile("/proc/self/limits")
	}
	return order, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
