package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/config"
)

// sample is a target that changes all that a target can.
func sample() config.Target {
	return config.Target{
		Name:        "podinfo-sample",
		Defaults:    map[string]string{"port": "8080", "shutdown-delay": "0s", "backend-url": "http://a"},
		Withheld:    []string{"grpc-port", "port-metrics", "jwt-secret"},
		Environment: map[string]string{"port": "PORT"},
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	inDir := "--config-path=" + dir(t, "config.yaml", "port: 1\n")
	tests := []struct {
		name      string
		args, env []string
		want      int
	}{
		{"default of the target", nil, nil, 8080},
		{"file", []string{inDir}, nil, 1},
		{"variable", []string{inDir}, []string{"PODINFO_PORT=2"}, 2},
		{"variable of the platform", []string{inDir}, []string{"PODINFO_PORT=2", "PORT=3"}, 3},
		{"empty variable of the platform", []string{inDir}, []string{"PODINFO_PORT=2", "PORT="}, 2},
		{"flag", []string{inDir, "--port=4"}, []string{"PODINFO_PORT=2", "PORT=3"}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(tt.args, tt.env, sample())
			if err != nil {
				t.Fatal(err)
			}
			if c.Port != tt.want {
				t.Errorf("Port is %d, want %d", c.Port, tt.want)
			}
			if c.ShutdownDelay != 0 || len(c.BackendURLs) != 1 {
				t.Errorf("ShutdownDelay is %s and BackendURLs %q, want the target's", c.ShutdownDelay, c.BackendURLs)
			}
		})
	}
	c, err := config.Load([]string{"--backend-url=http://b"}, nil, sample())
	if err != nil || len(c.BackendURLs) != 1 || c.BackendURLs[0] != "http://b" {
		t.Errorf("a flag gave BackendURLs %q and %v, want it in place of the target's default", c.BackendURLs, err)
	}
	_, err = config.Load(nil, []string{"PORT=http"}, sample())
	wantError(t, err, `environment PORT "http": not a whole number; give one from 0 to 65535`)
}

func TestTargetWithholds(t *testing.T) {
	t.Parallel()
	inDir := "--config-path=" + dir(t, "config.yaml", "grpc-port: x\njwt-secret: x\n")
	c, err := config.Load([]string{inDir}, []string{"PODINFO_GRPC_PORT=x", "PODINFO_JWT_SECRET=x"}, sample())
	if err != nil {
		t.Fatalf("a withheld setting is looked at: %v", err)
	}
	if c.GRPCPort != 0 || c.JWTSecret != config.DefaultJWTSecret {
		t.Errorf("GRPCPort is %d and JWTSecret %q, want the defaults", c.GRPCPort, c.JWTSecret)
	}
	_, err = config.Load([]string{"--grpc-port=1"}, nil, sample())
	wantError(t, err, "unknown flag: --grpc-port")
	var usage strings.Builder
	if err := config.Usage(&usage, sample()); err != nil {
		t.Fatal(err)
	}
	for _, withheld := range []string{"--grpc-port", "--port-metrics", "JWT_SECRET"} {
		if strings.Contains(usage.String(), withheld) {
			t.Errorf("the usage of the target shows %s, which it withholds", withheld)
		}
	}
	for _, want := range []string{"Usage: podinfo-sample", "(default 8080)", "(default http://a)"} {
		if !strings.Contains(usage.String(), want) {
			t.Errorf("the usage of the target lacks %q", want)
		}
	}
}

// TestTargetOffers has a target that takes the settings of Lambda from where Lambda can give them, the environment.
func TestTargetOffers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, variable string
		mode, path     string
		err            string
	}{
		{name: "defaults", mode: config.LambdaBuffered},
		{name: "empty", variable: "PODINFO_LAMBDA_INVOKE_MODE=", mode: config.LambdaBuffered},
		{name: "streamed", variable: "PODINFO_LAMBDA_INVOKE_MODE=response_stream", mode: config.LambdaResponseStream},
		{name: "as AWS writes it", variable: "PODINFO_LAMBDA_INVOKE_MODE= RESPONSE_STREAM\n",
			mode: config.LambdaResponseStream},
		{name: "path", variable: "PODINFO_LAMBDA_BASE_PATH=shop//podinfo/", mode: config.LambdaBuffered,
			path: "/shop/podinfo"},
		{name: "root", variable: "PODINFO_LAMBDA_BASE_PATH=/", mode: config.LambdaBuffered},
		{name: "no mode", variable: "PODINFO_LAMBDA_INVOKE_MODE=stream",
			err: `environment PODINFO_LAMBDA_INVOKE_MODE "stream": not an invoke mode; give buffered or response_stream`},
		{name: "no path", variable: "PODINFO_LAMBDA_BASE_PATH=/{proxy+}",
			err: `environment PODINFO_LAMBDA_BASE_PATH "/{proxy+}": not a path; use letters, digits and - . _ ~ ` +
				`between slashes, such as /podinfo`},
		{name: "of all targets", variable: "PODINFO_READ_ONLY=perhaps",
			err: `environment PODINFO_READ_ONLY "perhaps": neither true nor false; give one of the two`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(nil, []string{tt.variable}, every())
			if tt.err != "" {
				wantError(t, err, tt.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.LambdaInvokeMode != tt.mode || c.LambdaBasePath != tt.path {
				t.Errorf("%s gives %q and %q, want %q and %q", tt.variable, c.LambdaInvokeMode, c.LambdaBasePath, tt.mode,
					tt.path)
			}
		})
	}
}

// What a target does not offer it does not know.
func TestTargetOffersNothingByItself(t *testing.T) {
	t.Parallel()
	var usage strings.Builder
	if err := config.Usage(&usage, config.Server); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lambda-base-path", "lambda-invoke-mode"} {
		_, err := config.Load([]string{"--" + name + "=x"}, nil, config.Server)
		wantError(t, err, "unknown flag: --"+name)
		inDir := "--config-path=" + dir(t, "config.yaml", name+": '{'\n")
		if _, err := config.Load([]string{inDir}, []string{variable(name) + "={"}, config.Server); err != nil {
			t.Errorf("%s is looked at: %v", name, err)
		}
		if strings.Contains(usage.String(), name) {
			t.Errorf("the usage shows %s", name)
		}
	}
}

// A target is written once and wrong at once: Load and Usage say what.
func TestTargetMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		target config.Target
		want   string
	}{
		{config.Target{Name: "x", Defaults: map[string]string{"prt": "1"}},
			"target x: there is no setting prt to give a default"},
		{config.Target{Name: "x", Defaults: map[string]string{"port": "http"}},
			`target x: default "http" of port: not a whole number; give one from 0 to 65535`},
		{config.Target{Name: "x", Environment: map[string]string{"prt": "PORT"}},
			"target x: there is no setting prt to read from PORT"},
		{config.Target{Name: "x", Withheld: []string{"prt"}}, "target x: there is no setting prt to withhold"},
		{config.Target{Name: "x", Offers: []string{"lambda"}}, "target x: there is no setting lambda to offer"},
		{config.Target{Name: "x", Offers: []string{"port"}},
			"target x: setting port is one of all targets; offer it no more"},
	}
	for _, tt := range tests {
		_, err := config.Load(nil, nil, tt.target)
		wantError(t, err, tt.want)
		wantError(t, config.Usage(&strings.Builder{}, tt.target), tt.want)
	}
}

// Two configurations with different settings must be able to live in one process.
func TestLoadsAreApart(t *testing.T) {
	t.Parallel()
	first := load(t, []string{"--port=1", "--backend-url=http://a", "--shutdown-delay=1s"}, nil)
	second := load(t, nil, nil)
	if second.Port != 9898 || len(second.BackendURLs) != 0 || second.ShutdownDelay != 3*time.Second {
		t.Errorf("a second Load saw the settings of the first: %+v", second)
	}
	if first.Port != 1 || len(first.BackendURLs) != 1 {
		t.Errorf("a second Load changed the first to %+v", first)
	}
}
