package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = targettest.Patience

// exec runs the program to its end. An environment variable is NAME=value, everything else is an argument.
func exec(t *testing.T, settings ...string) (code int, stdout, stderr string) {
	t.Helper()
	var args, environ []string
	for _, s := range settings {
		if name, _, assigned := strings.Cut(s, "="); assigned && !strings.HasPrefix(name, "-") {
			environ = append(environ, s)
			continue
		}
		args = append(args, s)
	}
	p := testkit.Exec(t, testkit.Build(t, "targets/k8s"), args, environ)
	code = p.Wait(t, patience)
	return code, p.Stdout(), p.Stderr()
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--version"}, {"-v"}, {"--version", "extra", "arguments"}} {
		code, stdout, stderr := exec(t, args...)
		if code != 0 || stdout != version.Version+"\n" || stderr != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want 0 and the version", args, code, stdout, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--help", "-h"} {
		code, stdout, stderr := exec(t, flag)
		if code != 0 || stdout != "" || !strings.Contains(stderr, "--grpc-service-name string") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want 0 and the flags on stderr", flag, code, stdout, stderr)
		}
	}
}

// TestBadSettings wants one line that names the source, the value and the fix, and with a mistake on the command line
// the flags after it.
func TestBadSettings(t *testing.T) {
	t.Parallel()
	file := func(content string) []string {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config-path=" + dir}
	}
	for _, test := range []struct {
		name     string
		settings []string
		usage    bool
		says     []string
	}{
		{"unknown flag", []string{"--nonsense"}, true, []string{"--nonsense"}},
		{"bad value", []string{"--port=many"}, true, []string{"--port", `"many"`}},
		{"missing value", []string{"--port"}, true, []string{"--port"}},
		{"number out of range", []string{"--grpc-port=70000"}, true, []string{"--grpc-port", "70000"}},
		{"delay", []string{"--random-delay-min=5", "--random-delay-max=2"}, false, []string{"random-delay-max", "5"}},
		{"unit", []string{"--random-delay-unit=h"}, true, []string{"random-delay-unit", `"h"`, "ms"}},
		{"environment", []string{"PODINFO_HTTP_SERVER_TIMEOUT=soon"}, false,
			[]string{"PODINFO_HTTP_SERVER_TIMEOUT", `"soon"`}},
		{"key of the file", file("server-shutdown-timeout: soon\n"), false, []string{"server-shutdown-timeout", `"soon"`}},
		{"broken file", file("{{{\n"), false, []string{"config.yaml"}},
		{"exporter", []string{"OTEL_EXPORTER_OTLP_PROTOCOL=pigeon", "PODINFO_OTEL_SERVICE_NAME=x",
			"PODINFO_JWT_SECRET=of the test"}, false,
			[]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := exec(t, test.settings...)
			if code != 2 || stdout != "" {
				t.Errorf("exit code %d, stdout %q; want 2 and nothing", code, stdout)
			}
			line, rest, _ := strings.Cut(stderr, "\n")
			if !strings.HasPrefix(line, "Error: ") || strings.Contains(rest, "--grpc-service-name") != test.usage {
				t.Errorf("stderr is %.300q; want one line, with the flags after it: %t", stderr, test.usage)
			}
			if !test.usage && rest != "" {
				t.Errorf("stderr has more than a line: %q", stderr)
			}
			for _, want := range test.says {
				if !strings.Contains(line, want) {
					t.Errorf("the line %q does not say %s", line, want)
				}
			}
		})
	}
}

// TestATakenPortEndsTheProcess is at every level, for the one line that says why must not be lost.
func TestATakenPortEndsTheProcess(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	certificates := filepath.Dir(testkit.NewCertificate(t).CertFile)
	for _, test := range []struct{ flag, level string }{
		{"--port", "info"}, {"--secure-port", "info"}, {"--port-metrics", "info"}, {"--grpc-port", "info"},
		{"--port", "debug"}, {"--port", "fatal"}, {"--port", "panic"},
	} {
		t.Run(test.flag+" "+test.level, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := exec(t, "--port=0", "--host=127.0.0.1", "--cert-path="+certificates,
				"--level="+test.level, test.flag+"="+port, "PODINFO_JWT_SECRET=of the test")
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if lines := strings.Count(stderr, "\n"); lines != 1 {
				t.Errorf("stderr has %d lines, want 1: %s", lines, stderr)
			}
			for _, want := range []string{`"level":"fatal"`, "failed to listen", "port " + port, "in use"} {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr does not say %s: %s", want, stderr)
				}
			}
		})
	}
}

func TestAMissingCertificateEndsTheProcess(t *testing.T) {
	t.Parallel()
	missing := t.TempDir()
	code, _, stderr := exec(t, "--port=0", "--host=127.0.0.1", "--secure-port="+testkit.FreePorts(t, 1)[0],
		"--cert-path="+missing)
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{`"level":"fatal"`, filepath.Join(missing, "tls.crt"), "--cert-path"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr does not say %s: %s", want, stderr)
		}
	}
}

// TestWhatCanBeMendedLaterIsNoReasonNotToStart gives paths and a server that are not there.
func TestWhatCanBeMendedLaterIsNoReasonNotToStart(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	p := testkit.StartPodinfo(t, "--config-path="+nowhere, "--data-path="+nowhere, "--ui-path="+nowhere,
		"--cache-server=127.0.0.1:1", "--level=nonsense", "PODINFO_JWT_SECRET=of the test")
	for path, want := range map[string]int{"/version": 200, "/configs": 200, "/": 200, "/cache/a": 502} {
		if got := targettest.Ask(t, "GET", p.URL, path); got.Status != want {
			t.Errorf("GET %s is answered with %d, want %d: %s", path, got.Status, want, got.Body)
		}
	}
	for _, want := range []string{"config-path", "cache server is offline"} {
		if !strings.Contains(p.Stderr(), want) {
			t.Errorf("the log does not warn of %s", want)
		}
	}
}
