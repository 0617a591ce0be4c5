package server_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/podinfo-targets/podinfo/targets/internal/server"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// client returns a connected client that is closed at the end of the test.
func (r *rig) client(t *testing.T) *targettest.Client {
	t.Helper()
	c := targettest.NewClient(r.url())
	t.Cleanup(c.Close)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	return c
}

// send sends a request, and waits until the server has begun it. That takes --level=debug to see.
func (r *rig) send(t *testing.T, c *targettest.Client, path string) {
	t.Helper()
	if err := c.Send("GET", path, ""); err != nil {
		t.Fatal(err)
	}
	r.eventuallyLogs(t, path)
}

// mustAnswer reads an answer and wants it to be a 200 that announces the end of the connection, or not.
func mustAnswer(t *testing.T, c *targettest.Client, request string, closes bool) {
	t.Helper()
	got, err := c.Receive()
	if err != nil {
		t.Errorf("%s: %v", request, err)
		return
	}
	if got.Status != http.StatusOK || got.Closes != closes {
		t.Errorf("%s is answered with %d, Connection: close %t; want 200 and %t", request, got.Status, got.Closes, closes)
	}
}

func TestDrainingIsAnnounced(t *testing.T) {
	t.Parallel()
	r := start(t, "--level=debug")
	before, idle, busy := r.client(t), r.client(t), r.client(t)
	if err := before.Send("GET", "/version", ""); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, before, "a request before the drain", false)
	if err := idle.Send("GET", "/version", ""); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, idle, "a request before the drain", false)
	r.send(t, busy, "/delay/1")

	r.options.Health.Drain()
	if err := idle.Send("GET", "/version", ""); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, idle, "a request on a connection from before the drain", true)
	fresh := r.client(t)
	if err := fresh.Send("GET", "/version", ""); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, fresh, "a request on a new connection", true)
	mustAnswer(t, busy, "a request that was in flight when the drain began", true)
}

// TestQueuedConnectionsAreAnswered sends requests before the server accepts its first connection, so that all of them
// wait in the kernel's queue when the stop begins.
func TestQueuedConnectionsAreAnswered(t *testing.T) {
	t.Parallel()
	r := build(t)
	r.open(t)
	clients := make([]*targettest.Client, 100)
	for i := range clients {
		clients[i] = r.client(t)
		if err := clients[i].Send("GET", "/version", ""); err != nil {
			t.Fatal(err)
		}
	}
	r.terminate()
	r.run(t)
	for _, c := range clients {
		if got, err := c.Receive(); err != nil || got.Status != http.StatusOK {
			t.Errorf("a request from the queue: status %d, %v; want an answer", got.Status, err)
		}
	}
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestOpenConnectionsAreServedToTheEnd asks on connections that were open, but not in use, when the listener closed.
func TestOpenConnectionsAreServedToTheEnd(t *testing.T) {
	t.Parallel()
	r := start(t, "--level=debug")
	busy, idle, silent := r.client(t), r.client(t), r.client(t)
	if err := idle.Send("GET", "/version", ""); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, idle, "a request before the stop", false)
	r.send(t, busy, "/delay/1")
	r.terminate()
	testkit.Eventually(t, patience, "the listener to be closed", func() bool {
		return targettest.Refused(r.address(r.options.Port))
	})
	for name, c := range map[string]*targettest.Client{"idle": idle, "silent": silent} {
		if err := c.Send("GET", "/version", ""); err != nil {
			t.Fatal(err)
		}
		mustAnswer(t, c, "a request on the "+name+" connection", true)
	}
	mustAnswer(t, busy, "the request in flight", true)
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestIdleAndSilentConnectionsDoNotHoldTheStop(t *testing.T) {
	t.Parallel()
	r := start(t)
	idle := r.client(t)
	r.client(t)
	if _, err := idle.Do("GET", "/version", ""); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	r.terminate()
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took > 4*time.Second { // net/http alone gives silent ones five seconds.
		t.Errorf("the stop took %s", took)
	}
}

// TestWhatHasNoTimeLeftIsCutAndLogged leaves a little time for a request and a websocket that never end.
func TestWhatHasNoTimeLeftIsCutAndLogged(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	r := start(t, "--level=debug", "--server-shutdown-timeout="+timeout.String())
	slow := r.client(t)
	r.send(t, slow, "/delay/60")
	r.socket(t) // It is not read from, so it does not answer the server's goodbye.
	begin := time.Now()
	r.terminate()
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took < timeout || took > timeout+patience/5 {
		t.Errorf("the stop took %s, want the timeout of %s", took, timeout)
	}
	if _, err := slow.Receive(); err == nil {
		t.Error("the request was answered after all")
	}
	for _, want := range []string{
		"HTTP server graceful shutdown failed", `"requests":1`, `"websockets":1`, "deadline exceeded",
	} {
		if !r.log.has(want) {
			t.Errorf("the log does not tell %q", want)
		}
	}
}

// TestADeafWebsocketDoesNotHoldTheStop has all the time for requests, and none of those.
func TestADeafWebsocketDoesNotHoldTheStop(t *testing.T) {
	t.Parallel()
	r := start(t, "--server-shutdown-timeout=60s")
	r.socket(t) // It is not read from.
	begin := time.Now()
	r.terminate()
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took < 5*time.Second {
		t.Errorf("the stop took %s, less than a client may take to answer", took)
	}
	if !r.log.has(`"websockets":1`) {
		t.Error("the log does not tell of the websocket that was cut")
	}
}

// TestWhatTheAPIWorksWithIsClosedLast looks around at the moment of closing.
func TestWhatTheAPIWorksWithIsClosedLast(t *testing.T) {
	t.Parallel()
	r := build(t, "--level=debug", "--server-shutdown-timeout=60s")
	api := &countingAPI{API: r.options.API}
	r.options.API = api
	release := r.options.Close
	r.options.Close = func(ctx context.Context) {
		if left := api.inFlight.Load(); left > 0 {
			t.Errorf("closed under %d requests", left)
		}
		if !targettest.Refused(r.address(r.options.MetricsPort)) {
			t.Error("closed before the metrics port")
		}
		if end, bounded := ctx.Deadline(); !bounded || time.Until(end) > 3*time.Second {
			t.Errorf("closing may take %s, want 3s at most", time.Until(end))
		}
		release(ctx)
	}
	r.open(t)
	r.run(t)
	c := r.client(t)
	r.send(t, c, "/delay/1")
	r.terminate()
	mustAnswer(t, c, "the request in flight", true)
	r.exit(t)
}

// TestACrashReleasesToo has a listener that fails while the others serve.
func TestACrashReleasesToo(t *testing.T) {
	t.Parallel()
	r := build(t)
	r.options.GRPC = brokenGRPC{r.options.GRPC}
	released := make(chan struct{})
	release := r.options.Close
	r.options.Close = func(ctx context.Context) {
		defer close(released)
		release(ctx)
	}
	r.open(t)
	r.run(t)
	if code := r.exit(t); code != 1 || !r.log.has("server crashed") {
		t.Errorf("Run returned %d, want 1 and a line of the log", code)
	}
	select {
	case <-released:
	default:
		t.Error("Run returned before Close did")
	}
}

// brokenGRPC is a gRPC API that cannot serve.
type brokenGRPC struct{ server.GRPC }

func (brokenGRPC) Serve(net.Listener) error { return errors.New("out of order") }

// countingAPI knows the requests in flight.
type countingAPI struct {
	server.API
	inFlight atomic.Int64
}

func (a *countingAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.inFlight.Add(1)
	defer a.inFlight.Add(-1)
	a.API.ServeHTTP(w, r)
}

// TestRunLeavesNoGoroutine does not run beside other tests, whose goroutines it would see. Its clients keep their
// connections open, so that it is the server that ends them.
//
//nolint:paralleltest // see above
func TestRunLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	r := start(t, "--h2c", "--level=debug", "--server-shutdown-timeout=300ms")
	idle, silent, slow, half := r.client(t), r.client(t), r.client(t), r.client(t)
	if _, err := idle.Do("GET", "/version", ""); err != nil {
		t.Fatal(err)
	}
	r.send(t, slow, "/delay/60")
	if err := half.Write("POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 9\r\n\r\nhalf"); err != nil {
		t.Fatal(err)
	}
	for _, connect := range waysToHTTP2() {
		c := connect(t, r)
		if err := c.send(3, "/delay/61"); err != nil {
			t.Fatal(err)
		}
	}
	polite, deaf := r.socket(t), r.socket(t)
	closeWatch := r.watch(t)

	r.terminate()
	if _, _, err := polite.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the websocket ended with %v, want close code 1001", err)
	}
	if code := r.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	closeWatch() // A gRPC client has goroutines of its own.
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	_, _ = silent, deaf
}

// watch watches the gRPC health and returns a function that hangs up.
func (r *rig) watch(t *testing.T) func() {
	t.Helper()
	conn, err := grpc.NewClient(r.address(r.options.GRPCPort), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	return func() { _ = conn.Close() }
}

// TestLogTellsOfTheStop holds the lines that people look for.
func TestLogTellsOfTheStop(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.terminate()
	r.exit(t)
	for _, want := range []string{"Shutting down HTTP/HTTPS server", "Shutting down GRPC server", `"timeout":5`} {
		if !r.log.has(want) {
			t.Errorf("the log does not tell %q", want)
		}
	}
	if r.log.has("graceful shutdown failed") {
		t.Error("the log tells of something that was cut")
	}
}
