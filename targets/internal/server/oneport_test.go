package server_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/targets/internal/server"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// buildOnePort is build for a server that has one port for HTTP and gRPC.
func buildOnePort(t *testing.T, settings ...string) *rig {
	t.Helper()
	r := build(t, append(settings, "--h2c")...)
	r.options.ShareGRPC, r.options.GRPCPort, r.options.SecurePort = true, 0, 0
	return r
}

func startOnePort(t *testing.T, settings ...string) *rig {
	t.Helper()
	r := buildOnePort(t, settings...)
	r.open(t)
	r.run(t)
	return r
}

// countingGRPC knows how many calls have begun.
type countingGRPC struct {
	server.GRPC
	begun atomic.Int64
}

func (c *countingGRPC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.begun.Add(1)
	c.GRPC.ServeHTTP(w, r)
}

// startCounting starts a server, and returns a function that waits for its n-th call.
func startCounting(t *testing.T, settings ...string) (r *rig, eventuallyServes func(n int64)) {
	t.Helper()
	r = buildOnePort(t, settings...)
	calls := &countingGRPC{GRPC: r.options.GRPC}
	r.options.GRPC = calls
	r.open(t)
	r.run(t)
	return r, func(n int64) {
		t.Helper()
		testkit.Eventually(t, patience, "the call to begin", func() bool { return calls.begun.Load() == n })
	}
}

// calls is a gRPC client of the port of HTTP.
func (r *rig) calls(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(r.address(r.options.Port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// watches opens a stream that lasts, and reads its first message.
func watches(t *testing.T, conn *grpc.ClientConn) healthpb.Health_WatchClient {
	t.Helper()
	stream, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	wantHealth(t, stream, healthpb.HealthCheckResponse_SERVING)
	return stream
}

func wantHealth(t *testing.T, stream healthpb.Health_WatchClient, want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	if got, err := stream.Recv(); err != nil || got.GetStatus() != want {
		t.Fatalf("the stream tells %s, %v; want %s", got.GetStatus(), err, want)
	}
}

func TestOnePortServesBoth(t *testing.T) {
	t.Parallel()
	r := startOnePort(t)
	answer, err := echopb.NewEchoServiceClient(r.calls(t)).Echo(t.Context(), &echopb.Message{Body: "hello"})
	if err != nil || answer.GetBody() != "hello" {
		t.Errorf("over gRPC: %q, %v; want an echo", answer.GetBody(), err)
	}
	if got := targettest.Ask(t, "GET", r.url(), "/version"); got.Status != http.StatusOK {
		t.Errorf("over HTTP/1.1: %d, want 200", got.Status)
	}
	if r.log.has("Starting GRPC Server") {
		t.Error("the log tells of a listener that is not there")
	}
}

// TestOnePortGoesByTheContentType sends what is no gRPC to a path that only gRPC has.
func TestOnePortGoesByTheContentType(t *testing.T) {
	t.Parallel()
	r := startOnePort(t)
	for _, test := range []struct {
		kind  string
		http2 bool
		grpc  bool
	}{
		{"application/grpc", true, true},
		{"application/grpc+proto", true, true},
		{"application/grpc;charset=utf-8", true, true},
		{"application/grpc", false, false},
		{"application/grpc-web", true, false},
		{"application/grpcurl", true, false},
		{"application/json", true, false},
		{"", true, false},
	} {
		t.Run(test.kind+" "+map[bool]string{true: "HTTP/2", false: "HTTP/1.1"}[test.http2], func(t *testing.T) {
			t.Parallel()
			transport := &http.Transport{Protocols: new(http.Protocols)}
			transport.Protocols.SetUnencryptedHTTP2(test.http2)
			transport.Protocols.SetHTTP1(!test.http2)
			defer transport.CloseIdleConnections()
			q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url()+"/no.such.Service/Call", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			q.Header.Set("Content-Type", test.kind)
			got, err := transport.RoundTrip(q)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = got.Body.Close() }()
			if kind := got.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/grpc") != test.grpc {
				t.Errorf("%s, %q; want an answer of gRPC: %t", got.Status, kind, test.grpc)
			}
		})
	}
}

// TestOnePortLetsCallsTakeLongerThanRequests has a call and a stream outlive the timeout of requests and answers.
func TestOnePortLetsCallsTakeLongerThanRequests(t *testing.T) {
	t.Parallel()
	r := startOnePort(t, "--http-server-timeout=100ms") // Answers get a second more.
	conn := r.calls(t)
	stream := watches(t, conn)
	if _, err := delaypb.NewDelayServiceClient(conn).Delay(t.Context(), &delaypb.DelayRequest{Seconds: 2}); err != nil {
		t.Errorf("the call ended with %v, want its answer", err)
	}
	r.options.GRPC.Drain()
	wantHealth(t, stream, healthpb.HealthCheckResponse_NOT_SERVING)
}

// TestOnePortStopsInOrder stops while a call and a stream are in flight. The stream would last for ever.
func TestOnePortStopsInOrder(t *testing.T) {
	t.Parallel()
	r, eventuallyServes := startCounting(t)
	conn := r.calls(t)
	stream := watches(t, conn)
	answered := make(chan error, 1)
	go func() {
		_, err := delaypb.NewDelayServiceClient(conn).Delay(t.Context(), &delaypb.DelayRequest{Seconds: 1})
		answered <- err
	}()
	eventuallyServes(2)
	begin := time.Now()
	r.terminate()
	wantHealth(t, stream, healthpb.HealthCheckResponse_NOT_SERVING)
	if err := <-answered; err != nil {
		t.Errorf("the call in flight ended with %v, want its answer", err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("the stream ended with %v, want that the server is shutting down", err)
	}
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took > r.options.ShutdownTimeout-time.Second {
		t.Errorf("the stop took %s: it waited for the stream", took)
	}
	if r.log.has("graceful shutdown failed") {
		t.Error("the log tells of something that was cut")
	}
}

// TestOnePortCutsWhatHasNoTimeLeft has a call that would never end.
func TestOnePortCutsWhatHasNoTimeLeft(t *testing.T) {
	t.Parallel()
	r, eventuallyServes := startCounting(t, "--server-shutdown-timeout=300ms")
	ended := make(chan error, 1)
	go func() {
		_, err := delaypb.NewDelayServiceClient(r.calls(t)).Delay(t.Context(), &delaypb.DelayRequest{Seconds: 3600})
		ended <- err
	}()
	eventuallyServes(1)
	r.terminate()
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if err := <-ended; err == nil {
		t.Error("the call was answered")
	}
	if !r.log.has("GRPC server graceful shutdown failed") {
		t.Error("the log does not tell of the call that was cut")
	}
}
