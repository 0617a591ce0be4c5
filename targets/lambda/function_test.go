package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/env"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// assembled returns a function as run makes it, of which Lambda knows nothing, and its log.
func assembled(t *testing.T, environ ...string) (*function, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	a, err := app.New(load(t, environ...), app.Options{
		Environ: environ, Stderr: &log, Exporters: func() (telemetry.Exporters, error) {
			return telemetry.Exporters{}, nil
		}, Layout: layout(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(context.Background()) })
	a.Log.ReplaceHooks(withIDs(a.Log.Hooks))
	return newFunction(a, adapter.New(a.API, adapter.Options{}), env.Lookup(environ)), &log
}

func TestWarmersAreAnswered(t *testing.T) {
	t.Parallel()
	f, log := assembled(t)
	got, err := f.invoke(invoked(t, xrayHeader), []byte(`{"source":"aws.events","detail-type":"Scheduled Event"}`))
	if err != nil || got != (warmed{Status: "warm"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if strings.Contains(log.String(), "invocation failed") {
		t.Errorf("the warmer is taken for a failure: %s", log)
	}
}

func TestUnknownEventsFailAndAreLogged(t *testing.T) {
	t.Parallel()
	f, log := assembled(t)
	_, err := f.invoke(invoked(t, xrayHeader), []byte(`{"Records":[{"eventSource":"aws:sqs"}]}`))
	var unknown *adapter.UnknownEventError
	if !errors.As(err, &unknown) {
		t.Errorf("the error is %v", err)
	}
	if text := log.String(); !strings.Contains(text, "invocation failed") || !strings.Contains(text, requestID) {
		t.Errorf("the log does not say which invocation failed: %s", text)
	}
}

func TestColdStart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ string
		want    bool
	}{
		{"", true},
		{"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", true},
		{"AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency", false},
		{"AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances", false},
	} {
		f, _ := assembled(t, test.environ)
		if got := f.cold.Load(); got != test.want {
			t.Errorf("%s: the first invocation starts cold: %t", test.environ, got)
		}
		_, _ = f.invoke(t.Context(), []byte(`{"source":"serverless-plugin-warmup"}`))
		if f.cold.Load() {
			t.Errorf("%s: the second invocation starts cold", test.environ)
		}
	}
}

func TestTerminateClosesAndLeaves(t *testing.T) {
	t.Parallel()
	f, _ := assembled(t)
	code := -1
	f.exit = func(c int) { code = c }
	start := time.Now()
	f.terminate()
	if took := time.Since(start); code != 0 || took > 10*closeTimeout { // On a busy machine: it has nothing to close.
		t.Errorf("left with %d after %s", code, took)
	}
}
