package main

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = targettest.Patience

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// exec runs the program to its end.
func exec(t *testing.T, args, environ []string) (code int, stderr string) {
	t.Helper()
	p := testkit.Exec(t, testkit.Build(t, "targets/knative"), args, environ)
	return p.Wait(t, patience), p.Stderr()
}

// startAlone runs the program without queue-proxy, as Cloud Run does. Only the platform says where it listens.
func startAlone(t *testing.T, settings ...string) *testkit.Process {
	t.Helper()
	port := testkit.FreePorts(t, 1)[0]
	args := []string{"--data-path=" + t.TempDir(), "--port-metrics=0"}
	environ := []string{
		"PORT=" + port, "K_SERVICE=podinfo", "K_REVISION=podinfo-00001", "K_CONFIGURATION=podinfo",
		"PODINFO_JWT_SECRET=of the test", "GORACE=atexit_sleep_ms=0",
	}
	for _, s := range settings {
		if strings.HasPrefix(s, "-") {
			args = append(args, s)
			continue
		}
		environ = append(environ, s)
	}
	p := testkit.Exec(t, testkit.Build(t, "targets/knative"), args, environ)
	p.URL = "http://" + net.JoinHostPort("127.0.0.1", port)
	p.GRPCAddr = net.JoinHostPort("127.0.0.1", port)
	testkit.Eventually(t, patience, "the port that PORT names to open", func() bool {
		select {
		case <-p.Exited():
			t.Fatalf("the program has ended: %s", p.Stderr())
		default:
		}
		return !targettest.Refused(p.GRPCAddr)
	})
	return p
}

func TestPORTIsRespected(t *testing.T) {
	t.Parallel()
	p := startAlone(t, "PODINFO_PORT=1") // The platform knows better.
	if got := targettest.Ask(t, "GET", p.URL, "/version"); got.Status != 200 {
		t.Errorf("status %d, want 200", got.Status)
	}
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		args, environ []string
		says          []string
	}{
		{"PORT that is no number", nil, []string{"PORT=http"}, []string{"PORT", `"http"`}},
		{"PORT out of range", nil, []string{"PORT=70000"}, []string{"PORT", "70000"}},
		{"second port for gRPC", []string{"--grpc-port=9999"}, nil, []string{"grpc-port"}},
		{"TLS", []string{"--secure-port=8443"}, nil, []string{"secure-port"}},
		{"no h2c", []string{"--h2c=false"}, nil, []string{"h2c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, stderr := exec(t, test.args, test.environ)
			line, _, _ := strings.Cut(stderr, "\n")
			if code != 2 || !strings.HasPrefix(line, "Error: ") {
				t.Errorf("exit code %d, stderr %.300q; want 2 and an error", code, stderr)
			}
			for _, want := range test.says {
				if !strings.Contains(line, want) {
					t.Errorf("the line %q does not say %s", line, want)
				}
			}
		})
	}
}

// TestATakenPortEndsTheProcess is about PORT and the second port being the same.
func TestATakenPortEndsTheProcess(t *testing.T) {
	t.Parallel()
	port := testkit.FreePorts(t, 1)[0]
	code, stderr := exec(t, []string{"--port-metrics=" + port, "--level=panic"}, []string{"PORT=" + port})
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{`"level":"fatal"`, "failed to listen", "port " + port, "in use"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr does not say %s: %s", want, stderr)
		}
	}
}

// TestTarget wants what the platform changes to be settings that there are, and the second port to be none of
// queue-proxy's (https://github.com/knative/serving/blob/main/pkg/networking/constants.go).
func TestTarget(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(nil, nil, target())
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Port != 8080 || !cfg.H2C || cfg.GRPCPort != 0 || cfg.SecurePort != 0 {
		t.Errorf("port %d, h2c %t, gRPC %d, TLS %d; want 8080 with h2c and no other",
			cfg.Port, cfg.H2C, cfg.GRPCPort, cfg.SecurePort)
	}
	for _, reserved := range []int{8008, 8012, 8013, 8022, 8112, 9090, 9091} {
		if cfg.MetricsPort == reserved {
			t.Errorf("the metrics port is %d, which is queue-proxy's", reserved)
		}
	}
}

// TestStopFitsIntoARevisionsTimeout: the pod is killed at its end, and the hook before SIGTERM waits for queue-proxy,
// which wants to see no request for 30 s (https://github.com/knative/serving/blob/main/pkg/queue/sharedmain/main.go).
func TestStopFitsIntoARevisionsTimeout(t *testing.T) {
	t.Parallel()
	const revision, hook, flush = 300 * time.Second, 30 * time.Second, time.Second
	cfg, err := config.Load(nil, nil, target())
	if err != nil {
		t.Fatal(err)
	}
	if stop := cfg.ShutdownDelay + cfg.ServerShutdownTimeout; hook+stop+flush > revision {
		t.Errorf("the stop may take %s after the hook's %s, and the pod is killed after %s", stop, hook, revision)
	}
}

func TestHelpNamesTheProgram(t *testing.T) {
	t.Parallel()
	code, stderr := exec(t, []string{"--help"}, nil)
	if code != 0 || !strings.Contains(stderr, "Usage: podinfo-knative ") || strings.Contains(stderr, "--grpc-port") {
		t.Errorf("exit code %d, stderr %.200q; want the help of podinfo-knative, with one port", code, stderr)
	}
}
