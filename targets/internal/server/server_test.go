package server_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/targets/internal/server"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = targettest.Patience

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server in this process, with the real API behind it.
type rig struct {
	*server.Server
	options server.Options
	log     *journal
	signals chan os.Signal
	ended   chan struct{}
	code    int // of the exit, once ended is closed
}

// build assembles everything but the open ports: every listener is on, on a free port of 127.0.0.1. The settings are
// flags.
func build(t *testing.T, settings ...string) *rig {
	t.Helper()
	certificates := filepath.Dir(testkit.NewCertificate(t).CertFile)
	args := []string{
		"--host=127.0.0.1", "--data-path=" + t.TempDir(), "--cert-path=" + certificates, "--shutdown-delay=0s",
		"--server-shutdown-timeout=5s",
	}
	cfg, err := config.Load(append(args, settings...), []string{"PODINFO_JWT_SECRET=of the test"}, config.Server)
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	exit := func(code int) { t.Errorf("the process was to end with %d", code) }
	a, err := app.New(cfg, app.Options{
		Stderr: log, Exit: exit, Exporters: func() (telemetry.Exporters, error) { return telemetry.Exporters{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		options: server.Options{
			Host: cfg.Host, CertPath: cfg.CertPath, H2C: cfg.H2C, Timeout: cfg.HTTPServerTimeout,
			ShutdownDelay: cfg.ShutdownDelay, ShutdownTimeout: cfg.ServerShutdownTimeout,
			API: a.API, Metrics: a.Metrics.Handler(), Health: a.Health, Log: a.Log, Close: a.Close,
			GRPC: rpc.NewServer(rpc.Deps{
				Identity: a.Identity, ServiceName: "podinfo", Environ: a.Environ, Tokens: a.Tokens, Log: a.Log, Exit: exit,
			}),
		},
		log:     log,
		signals: make(chan os.Signal, 2),
		ended:   make(chan struct{}),
	}
	for _, port := range r.ports() {
		*port = -1 // Not off.
	}
	r.usePorts(t)
	return r
}

// usePorts gives every listener that is not off another port.
func (r *rig) usePorts(t *testing.T) {
	t.Helper()
	for i, free := range testkit.FreePorts(t, len(r.ports())) {
		number, err := strconv.Atoi(free)
		if err != nil {
			t.Fatal(err)
		}
		if port := r.ports()[i]; *port != 0 {
			*port = number
		}
	}
}

func (r *rig) ports() []*int {
	o := &r.options
	return []*int{&o.Port, &o.SecurePort, &o.MetricsPort, &o.GRPCPort}
}

// open opens the ports, and others if somebody was faster.
func (r *rig) open(t *testing.T) {
	t.Helper()
	for range 5 {
		s, err := server.Open(r.options)
		if err == nil {
			r.Server = s
			return
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		r.usePorts(t)
	}
	t.Fatal("found no free ports")
}

// start serves until the test ends.
func start(t *testing.T, settings ...string) *rig {
	t.Helper()
	r := build(t, settings...)
	r.open(t)
	r.run(t)
	return r
}

func (r *rig) run(t *testing.T) {
	go func() {
		defer close(r.ended)
		r.code = r.Run(r.signals)
	}()
	t.Cleanup(func() {
		r.terminate()
		r.exit(t)
	})
}

// terminate sends SIGTERM once.
func (r *rig) terminate() {
	select {
	case r.signals <- syscall.SIGTERM:
	default: // Sent already, twice.
	}
}

// exit waits for Run to return and gives its exit code.
func (r *rig) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-r.ended:
		return r.code
	case <-time.After(patience):
		t.Fatal("Run does not return")
		return -1
	}
}

func (r *rig) address(port int) string { return net.JoinHostPort(r.options.Host, strconv.Itoa(port)) }
func (r *rig) url() string             { return "http://" + r.address(r.options.Port) }
func (r *rig) metricsURL() string      { return "http://" + r.address(r.options.MetricsPort) }

// journal keeps the log.
type journal struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

var _ io.Writer = (*journal)(nil)

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(line)
}

func (j *journal) has(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.lines.String(), text)
}

// eventuallyLogs waits for the log to contain text.
func (r *rig) eventuallyLogs(t *testing.T, text string) {
	t.Helper()
	testkit.Eventually(t, patience, "the log to tell: "+text, func() bool { return r.log.has(text) })
}
