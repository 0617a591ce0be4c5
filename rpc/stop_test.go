package rpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/rpc/pb/envpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/versionpb"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// stopping is what callers read when the server ends before their call.
const stopping = "the server is shutting down"

// soon is much less than the handshake timeout of the server and the deadline of a test, and much more than a stop that
// waits for nothing takes.
const soon = 5 * time.Second

// gate is an Environ that holds every Env call until the test opens it.
type gate struct {
	entered chan struct{}
	leave   chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}, 100), make(chan struct{})} }

func (g *gate) deps(d *rpc.Deps) {
	d.Environ = func() []string {
		g.entered <- struct{}{}
		<-g.leave
		return []string{"A=1"}
	}
}

func TestShutdownAnswersCallsInFlight(t *testing.T) {
	t.Parallel()
	g := newGate()
	r := start(t, g.deps)
	const calls = 20
	answers := make(chan error, calls)
	for range calls {
		go func() {
			_, err := envpb.NewEnvServiceClient(r.conn).Env(within(t), &envpb.EnvRequest{})
			answers <- err
		}()
	}
	for range calls {
		<-g.entered
	}

	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(within(t)) }()
	testkit.Eventually(t, patience, "the listener to be closed", func() bool { return !r.accepts(t) })
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown returned %v while calls were in flight", err)
	default:
	}
	close(g.leave)
	for range calls {
		if err := <-answers; err != nil {
			t.Errorf("a call in flight ended with %v, want its answer", err)
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// accepts tells whether the server takes connections.
func (r *rig) accepts(t *testing.T) bool {
	t.Helper()
	conn, err := r.connect(t)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func TestShutdownCutsCallsWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := delaypb.NewDelayServiceClient(r.conn).Delay(within(t), &delaypb.DelayRequest{Seconds: 3600})
			ended <- err
		}()
	}
	testkit.Eventually(t, patience, "the calls to reach the server", func() bool {
		return r.series(t, "grpc_server_started_total")["Delay delay.DelayService unary"] == 2
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := r.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "cut off: 2") {
		t.Errorf("Shutdown returned %v, want the deadline and that 2 calls were cut off", err)
	}
	handled := r.series(t, "grpc_server_handled_total")
	if n := handled["Canceled Delay delay.DelayService unary"]; n != 2 {
		t.Errorf("Shutdown returned before its handlers: %v of 2 have", n)
	}
	for range 2 {
		if err := <-ended; status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
			t.Errorf("the call that was cut off ended with %v, want Unavailable or Canceled", err)
		}
	}
}

func TestShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T, *rig) func() error{
		"health watch": func(t *testing.T, r *rig) func() error {
			stream := watch(t, r.conn, "podinfo")
			expect(t, stream, serving)
			r.Drain()
			expect(t, stream, notServing)
			return func() error { _, err := stream.Recv(); return err }
		},
		"reflection": func(t *testing.T, r *rig) func() error {
			stream, err := reflectionv1.NewServerReflectionClient(r.conn).ServerReflectionInfo(within(t))
			if err != nil {
				t.Fatal(err)
			}
			request := &reflectionv1.ServerReflectionRequest{
				MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
			}
			if err := stream.Send(request); err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
			return func() error { _, err := stream.Recv(); return err }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			receive := open(t, r)
			begin := time.Now()
			r.stop(t)
			if took := time.Since(begin); took > soon {
				t.Errorf("an open stream held Shutdown up for %s", took)
			}
			wantStatus(t, receive(), codes.Unavailable, stopping)
		})
	}
}

// Every one of these connections would hold gRPC's own stop up until the handshake timeout.
func TestShutdownDoesNotWaitForHandshakes(t *testing.T) {
	t.Parallel()
	settings := "\x00\x00\x06\x04\x00\x00\x00\x00\x00" // the head of a SETTINGS frame whose 6 bytes never come
	for _, c := range []struct {
		name, sent string
		budget     time.Duration
	}{
		{"nothing sent", "", patience},
		{"half a preface", http2.ClientPreface[:10], patience},
		{"a preface and half a frame", http2.ClientPreface + settings, 50 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			silent, err := r.connect(t)
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			if _, err := io.WriteString(silent, c.sent); err != nil {
				t.Fatal(err)
			}
			callVersion(t, r.conn) // Accepted later, so the silent one has been accepted too.

			ctx, cancel := context.WithTimeout(t.Context(), c.budget)
			defer cancel()
			begin := time.Now()
			if err := r.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v, want nil because no call was cut off", err)
			}
			if took := time.Since(begin); took > soon {
				t.Errorf("a connection without a call held Shutdown up for %s", took)
			}
		})
	}
}

func callVersion(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	if _, err := versionpb.NewVersionServiceClient(conn).Version(within(t), &versionpb.VersionRequest{}); err != nil {
		t.Fatal(err)
	}
}

func TestShutdownWithoutServe(t *testing.T) {
	t.Parallel()
	r := build(t, nil)
	r.stop(t)
	l := listen(t)
	r.addr = l.Addr().String()
	if err := r.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
		t.Errorf("Serve after Shutdown returned %v, want %v", err, grpc.ErrServerStopped)
	}
	if r.accepts(t) {
		t.Error("Serve after Shutdown left its listener open")
	}
}

func TestShutdownTwice(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	stream := watch(t, r.conn, "")
	expect(t, stream, serving)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := r.Shutdown(within(t)); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
	both.Wait()
}

func TestServeReportsABrokenListener(t *testing.T) {
	t.Parallel()
	r := build(t, nil)
	defer r.stop(t)
	l := listen(t)
	_ = l.Close()
	if err := r.Serve(l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve returned %v, want %v", err, net.ErrClosed)
	}
}
