package main

import (
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/env"
)

// load reads the settings of a function that is configured with these variables.
func load(t *testing.T, environ ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(nil, environ, target(env.Lookup(environ)))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg := load(t)
	if cfg.DataPath != "/tmp" || cfg.StoreMaxSize > 512<<20 {
		t.Errorf("the store may put %d bytes into %s; Lambda has 512 MB in /tmp only", cfg.StoreMaxSize, cfg.DataPath)
	}
	if cfg.HTTPServerTimeout <= 10*time.Second || cfg.HTTPServerTimeout > 28*time.Second {
		t.Errorf("an answer may take %s; API Gateway waits for 29s, and /chunked takes 10s at least", cfg.HTTPServerTimeout)
	}
	if cfg.LambdaInvokeMode != config.LambdaBuffered || cfg.LambdaBasePath != "" {
		t.Errorf("the invoke mode is %q and the base path %q", cfg.LambdaInvokeMode, cfg.LambdaBasePath)
	}
}

func TestSettingsOfLambda(t *testing.T) {
	t.Parallel()
	cfg := load(t, "PODINFO_LAMBDA_INVOKE_MODE=RESPONSE_STREAM", "PODINFO_LAMBDA_BASE_PATH=/v1/")
	if cfg.LambdaInvokeMode != config.LambdaResponseStream || cfg.LambdaBasePath != "/v1" {
		t.Errorf("the invoke mode is %q and the base path %q", cfg.LambdaInvokeMode, cfg.LambdaBasePath)
	}
}

// TestSettingsOfAServerMeanNothing gives the function's settings that it has no use for values that no server takes.
func TestSettingsOfAServerMeanNothing(t *testing.T) {
	t.Parallel()
	server, err := config.Load(nil, nil, config.Server)
	if err != nil {
		t.Fatal(err)
	}
	cfg := load(t, "PODINFO_PORT=x", "PODINFO_PORT_METRICS=x", "PODINFO_SECURE_PORT=x", "PODINFO_GRPC_PORT=x",
		"PODINFO_SHUTDOWN_DELAY=x", "PODINFO_SERVER_SHUTDOWN_TIMEOUT=x", "PODINFO_H2C=x", "PODINFO_HOST=x:y:z")
	if cfg.Port != server.Port || cfg.ShutdownDelay != server.ShutdownDelay {
		t.Errorf("the port is %d, the shutdown delay %s", cfg.Port, cfg.ShutdownDelay)
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ []string
		want    string
	}{
		{nil, "info"},
		{[]string{"AWS_LAMBDA_LOG_LEVEL=DEBUG"}, "debug"},
		{[]string{"AWS_LAMBDA_LOG_LEVEL=TRACE"}, "debug"},
		{[]string{"AWS_LAMBDA_LOG_LEVEL=ERROR"}, "error"},
		{[]string{"AWS_LAMBDA_LOG_LEVEL=INFO", "PODINFO_LEVEL=error"}, "error"},
	} {
		if got := load(t, test.environ...).Level; got != test.want {
			t.Errorf("with %v the level is %s, want %s", test.environ, got, test.want)
		}
	}
}
