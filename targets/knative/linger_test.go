package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
)

// standIn is a queue-proxy that does what a test tells it.
type standIn struct {
	admin    *httptest.Server
	front    net.Listener
	answer   chan int // the status of the answer to whoever waits for the drain
	asked    chan string
	replaces *queueProxy
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{answer: make(chan int, 1), asked: make(chan string, 1)}
	s.admin = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked <- r.Method + " " + r.URL.Path
		select {
		case status := <-s.answer:
			w.WriteHeader(status)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.admin.Close)
	var err error
	if s.front, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.front.Close() })
	s.replaces = newQueueProxy()
	s.replaces.admin, s.replaces.front = s.admin.URL, []string{"127.0.0.1:1", s.front.Addr().String()}
	return s
}

// drains asks in the background.
func (s *standIn) drains(ctx context.Context) <-chan bool {
	drains := make(chan bool, 1)
	go func() { drains <- s.replaces.drains(ctx) }()
	return drains
}

func result(t *testing.T, drains <-chan bool) bool {
	t.Helper()
	select {
	case drained := <-drains:
		return drained
	case <-time.After(patience):
		t.Fatal("the wait for queue-proxy does not end")
		return false
	}
}

func TestQueueProxyIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	drains := s.drains(t.Context())
	if got := <-s.asked; got != "GET /wait-for-drain" {
		t.Errorf("queue-proxy is asked for %s", got)
	}
	select {
	case <-drains:
		t.Error("the wait is over before the drain is")
	default:
	}
	s.answer <- http.StatusOK
	_ = s.front.Close()
	if !result(t, drains) {
		t.Error("it is not told that queue-proxy has drained")
	}
}

// TestOnlyAQueueProxyThatLeavesIsWaitedFor has everything else that can be found on its ports.
func TestOnlyAQueueProxyThatLeavesIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*standIn){
		"nobody":                 func(s *standIn) { s.admin.Close() },
		"somebody else":          func(s *standIn) { s.answer <- http.StatusNotFound },
		"one that does not stop": func(s *standIn) { s.answer <- http.StatusOK }, // Its port stays open.
		"one that cannot be asked": func(s *standIn) {
			s.answer <- http.StatusOK
			s.replaces.front = []string{"127.0.0.1:port"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			act(s)
			if result(t, s.drains(t.Context())) {
				t.Error("it is told that queue-proxy has drained")
			}
		})
	}
}

func TestTheWaitForQueueProxyIsBounded(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	ctx, cancel := context.WithCancel(t.Context())
	drains := s.drains(ctx)
	<-s.asked
	cancel()
	if result(t, drains) {
		t.Error("it is told that queue-proxy has drained")
	}
}

// TestStopWithoutQueueProxy is what Cloud Run asks for: ten seconds after the signal the process is killed.
func TestStopWithoutQueueProxy(t *testing.T) {
	t.Parallel()
	p := startAlone(t, "--shutdown-delay=1s", "--level=debug",
		"--otel-service-name=test", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1") // a collector that is not there
	busy := targettest.NewClient(p.URL)
	defer busy.Close()
	if err := busy.Send("GET", "/delay/2", ""); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got, err := busy.Receive(); err != nil || got.Status != 200 {
		t.Errorf("the request in flight: %d, %v; want its answer", got.Status, err)
	}
	if code := p.Wait(t, patience); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took > 9*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if strings.Contains(p.Stderr(), "graceful shutdown failed") {
		t.Error("the log tells of something that was cut")
	}
}
