package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/shared/info"
	"github.com/podinfo-targets/podinfo/shared/token"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

const secret = "a secret for tests"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server on a port of its own, with everything that a test looks at.
type rig struct {
	*rpc.Server
	addr    string
	conn    *grpc.ClientConn
	log     *journal
	exits   chan int
	metrics *prometheus.Registry
}

// start serves the API on 127.0.0.1 until the test ends; change may alter what the server is made of.
func start(t *testing.T, change func(*rpc.Deps)) *rig {
	t.Helper()
	r := build(t, change)
	l := listen(t)
	r.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.Serve(l) }()
	r.conn = dial(t, r.addr)
	t.Cleanup(func() {
		r.stop(t)
		if err := <-served; err != nil {
			t.Errorf("Serve returned %v after Shutdown, want nil", err)
		}
	})
	return r
}

// listen opens a port of its own for a test.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connect opens a bare connection to the server. An error is a refusal.
func (r *rig) connect(t *testing.T) (net.Conn, error) {
	t.Helper()
	return new(net.Dialer).DialContext(within(t), "tcp", r.addr)
}

// build returns a rig that does not listen.
func build(t *testing.T, change func(*rpc.Deps)) *rig {
	t.Helper()
	r := &rig{log: &journal{}, exits: make(chan int, 1), metrics: prometheus.NewRegistry()}
	log := logrus.New()
	log.SetOutput(r.log)
	log.SetFormatter(&logrus.JSONFormatter{})
	deps := rpc.Deps{
		Identity: info.Identity{
			Hostname: "pod-1", Version: "6.15.0", Revision: "abc123", Color: "#34577c", Logo: "logo.gif", Message: "hi",
		},
		ServiceName: "podinfo",
		Environ:     func() []string { return []string{"B=2", "A=1", "KEY=********"} },
		Tokens:      token.NewIssuer(secret),
		Log:         log,
		Metrics:     r.metrics,
		Exit:        func(code int) { r.exits <- code },
	}
	if change != nil {
		change(&deps)
	}
	r.Server = rpc.NewServer(deps)
	return r
}

// stop shuts the server down without patience for calls that a failed test may have left open.
func (r *rig) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// dial returns a client connection that is closed before the server stops.
func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// within returns a context that ends with the test, and in any case after patience.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wantStatus fails the test unless err is a status with this code and message.
func wantStatus(t *testing.T, err error, code codes.Code, message string) {
	t.Helper()
	got := status.Convert(err)
	if got.Code() != code || got.Message() != message {
		t.Fatalf("the call ended with %s %q, want %s %q", got.Code(), got.Message(), code, message)
	}
}

// series returns the value of every series of one metric family, by its labels; a histogram counts its observations.
func (r *rig) series(t *testing.T, family string) map[string]float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			values[strings.Join(labels, " ")] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

// journal keeps log lines.
type journal struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.data.Write(p)
}

// entries returns the lines whose message is msg.
func (j *journal) entries(t *testing.T, msg string) []map[string]any {
	t.Helper()
	j.mu.Lock()
	lines := strings.Split(strings.TrimSpace(j.data.String()), "\n")
	j.mu.Unlock()
	var entries []map[string]any
	for _, line := range lines {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil && line != "" {
			t.Fatalf("log line %q: %v", line, err)
		}
		entries = append(entries, entry)
	}
	return slices.DeleteFunc(entries, func(e map[string]any) bool { return e["msg"] != msg })
}
