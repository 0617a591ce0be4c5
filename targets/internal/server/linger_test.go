package server_test

import (
	"context"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/podinfo-targets/podinfo/targets/internal/server"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// front stands in front of a server and passes requests on until it is told to leave.
type front struct {
	asked, leave chan struct{}
	heldBack     bool
}

func newFront(heldBack bool) *front {
	return &front{asked: make(chan struct{}), leave: make(chan struct{}), heldBack: heldBack}
}

func (f *front) linger(ctx context.Context) bool {
	close(f.asked)
	select {
	case <-f.leave:
		return f.heldBack
	case <-ctx.Done():
		return false
	}
}

// startBehind starts a server with something in front of it.
func startBehind(t *testing.T, f *front, settings ...string) *rig {
	t.Helper()
	r := buildOnePort(t, settings...)
	r.options.Linger = f.linger
	r.open(t)
	r.run(t)
	return r
}

func (r *rig) refuses() bool { return targettest.Refused(r.address(r.options.Port)) }

// TestLingeringServesAsBefore but for what tells that the server leaves.
func TestLingeringServesAsBefore(t *testing.T) {
	t.Parallel()
	f := newFront(false)
	r := startBehind(t, f)
	kept := r.client(t)
	stream := watches(t, r.calls(t))
	r.terminate()
	<-f.asked
	wantHealth(t, stream, healthpb.HealthCheckResponse_NOT_SERVING)
	if got := targettest.Ask(t, "GET", r.url(), "/readyz"); got.Status != 503 {
		t.Errorf("the probe is answered with %d, want 503", got.Status)
	}
	for range 3 {
		if err := kept.Send("GET", "/version", ""); err != nil {
			t.Fatal(err)
		}
		mustAnswer(t, kept, "a request while the server lingers", false)
	}
	h2 := priorKnowledge(t, r)
	for stream := uint32(1); stream < 7; stream += 2 {
		if err := h2.send(stream, "/version"); err != nil {
			t.Fatal(err)
		}
		if status, goAway, err := h2.receive(stream); err != nil || status != "200" || goAway {
			t.Errorf("over HTTP/2: %s, GOAWAY %t, %v; want 200 on a connection that stays", status, goAway, err)
		}
	}
	close(f.leave)
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestWhatIsHeldBackFindsTheServerOpen has two requests in flight, of which one comes late.
func TestWhatIsHeldBackFindsTheServerOpen(t *testing.T) {
	t.Parallel()
	f := newFront(true)
	r := startBehind(t, f, "--level=debug")
	first, second := r.client(t), r.client(t)
	r.send(t, first, "/delay/1")
	r.terminate()
	<-f.asked
	close(f.leave)
	r.send(t, second, "/delay/2")
	mustAnswer(t, first, "the request in flight", false)
	if r.refuses() {
		t.Error("the port is closed although a request is in flight")
	}
	mustAnswer(t, second, "the request that was held back", false)
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestWithNothingHeldBackTheStopIsTheUsualOne closes the port under a request in flight, and answers it.
func TestWithNothingHeldBackTheStopIsTheUsualOne(t *testing.T) {
	t.Parallel()
	f := newFront(false)
	r := startBehind(t, f, "--level=debug")
	busy := r.client(t)
	r.send(t, busy, "/delay/2")
	r.terminate()
	<-f.asked
	close(f.leave)
	testkit.Eventually(t, patience, "the port to be closed", r.refuses)
	mustAnswer(t, busy, "the request in flight", true)
	r.exit(t)
}

// TestLingeringIsBounded has something in front that never leaves.
func TestLingeringIsBounded(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	r := startBehind(t, newFront(true), "--server-shutdown-timeout="+timeout.String())
	begin := time.Now()
	r.terminate()
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took < timeout {
		t.Errorf("the stop took %s, less than the timeout of %s", took, timeout)
	}
}

// TestIdleTimeout has two servers, of which the one with a longer idle time keeps a connection when the other does not.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	idle := func(change func(*server.Options)) *targettest.Client {
		r := build(t, "--http-server-timeout=200ms")
		change(&r.options)
		r.open(t)
		r.run(t)
		c := r.client(t)
		if _, err := c.Do("GET", "/version", ""); err != nil {
			t.Fatal(err)
		}
		return c
	}
	kept := idle(func(o *server.Options) { o.IdleTimeout = time.Minute })
	closed := idle(func(*server.Options) {})
	if rest, err := closed.Ended(); err != nil || rest != "" {
		t.Errorf("the idle connection ended with %q, %v; want its end", rest, err)
	}
	if got, err := kept.Do("GET", "/version", ""); err != nil || got.Status != 200 {
		t.Errorf("on the connection with a longer idle time: %d, %v; want 200", got.Status, err)
	}
}
