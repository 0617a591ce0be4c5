package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/rpc/pb/panicpb"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// moment is what a stop may take on top of what it must, on a machine that is busy with other tests.
const moment = 2 * time.Second

// start runs the program. Under the race detector it would rest for a second before it leaves.
func start(t *testing.T, settings ...string) *testkit.Process {
	t.Helper()
	return testkit.StartPodinfo(t, append(settings, "GORACE=atexit_sleep_ms=0")...)
}

func send(t *testing.T, p *testkit.Process, s os.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// drains waits until the probes fail.
func drains(t *testing.T, p *testkit.Process) {
	t.Helper()
	testkit.Eventually(t, patience, "the probe to fail", func() bool {
		return targettest.Ask(t, "GET", p.URL, "/readyz").Status == 503
	})
}

// logged waits until the process has logged text.
func logged(t *testing.T, p *testkit.Process, text string) {
	t.Helper()
	testkit.Eventually(t, patience, "the log to tell: "+text, func() bool { return strings.Contains(p.Stderr(), text) })
}

// exits wants the exit code to be 0, and to come after so long.
func exits(t *testing.T, p *testkit.Process, since time.Time, least, most time.Duration) {
	t.Helper()
	if code := p.Wait(t, most+patience); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(since); took < least || took > most {
		t.Errorf("the stop took %s, want %s to %s", took, least, most)
	}
}

func dial(t *testing.T, p *testkit.Process) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(p.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestStopServesOnForThreeSeconds is about the default delay.
func TestStopServesOnForThreeSeconds(t *testing.T) {
	t.Parallel()
	p := start(t, "PODINFO_SHUTDOWN_DELAY=") // Empty is not given.
	kept := targettest.NewClient(p.URL)
	defer kept.Close()
	if got, err := kept.Do("GET", "/version", ""); err != nil || got.Closes {
		t.Fatalf("before the signal: %+v, %v; want a connection that is kept", got, err)
	}
	begin := time.Now()
	send(t, p, syscall.SIGTERM)
	drains(t, p)
	for path, want := range map[string]int{"/healthz": 503, "/readyz": 503, "/version": 200, "/api/info": 200} {
		if got := targettest.Ask(t, "GET", p.URL, path); got.Status != want || !got.Closes {
			t.Errorf("GET %s: %d, Connection: close %t; want %d and true", path, got.Status, got.Closes, want)
		}
	}
	if got := targettest.Ask(t, "POST", p.URL, "/readyz/enable"); got.Status != 202 {
		t.Errorf("POST /readyz/enable: %d, want 202", got.Status)
	}
	if got := targettest.Ask(t, "GET", p.URL, "/readyz"); got.Status != 503 {
		t.Errorf("the switch turns the probe back to %d", got.Status)
	}
	if got, err := kept.Do("GET", "/version", ""); err != nil || got.Status != 200 || !got.Closes {
		t.Errorf("on the connection from before: %+v, %v; want 200 and its end", got, err)
	}
	if got := targettest.Ask(t, "GET", p.MetricsURL, "/healthz"); got.Status != 200 {
		t.Errorf("the probe of the metrics port: %d, want 200", got.Status)
	}
	health, err := healthpb.NewHealthClient(dial(t, p)).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("gRPC health: %s, %v; want NOT_SERVING", health.GetStatus(), err)
	}
	exits(t, p, begin, 3*time.Second, 3*time.Second+moment)
}

// TestStopIsQuickAtLevelDebug has connections open that nobody uses.
func TestStopIsQuickAtLevelDebug(t *testing.T) {
	t.Parallel()
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p := start(t, "PODINFO_SHUTDOWN_DELAY=", "--level=debug")
			idle := targettest.NewClient(p.URL)
			defer idle.Close()
			if _, err := idle.Do("GET", "/version", ""); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			send(t, p, s)
			exits(t, p, begin, 0, moment)
			t.Logf("stopped in %s", time.Since(begin))
		})
	}
}

// TestTimeoutIsCountedFromTheEndOfTheDelay has a request in flight that would not fit into less.
func TestTimeoutIsCountedFromTheEndOfTheDelay(t *testing.T) {
	t.Parallel()
	p := start(t, "--shutdown-delay=1500ms", "--server-shutdown-timeout=1500ms", "--level=debug")
	c := targettest.NewClient(p.URL)
	defer c.Close()
	if err := c.Send("GET", "/delay/2", ""); err != nil {
		t.Fatal(err)
	}
	logged(t, p, "/delay/2")
	begin := time.Now()
	send(t, p, syscall.SIGTERM)
	if got, err := c.Receive(); err != nil || got.Status != 200 || !got.Closes {
		t.Errorf("the request in flight: %+v, %v; want its answer and the end of the connection", got, err)
	}
	exits(t, p, begin, 1500*time.Millisecond, 3*time.Second+moment)
	if strings.Contains(p.Stderr(), "graceful shutdown failed") {
		t.Error("the log tells of something that was cut")
	}
}

// TestWhatIsCutIsLogged asks for more than the timeout has, in three ways.
func TestWhatIsCutIsLogged(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	p := start(t, "--server-shutdown-timeout="+timeout.String(), "--level=debug")
	c := targettest.NewClient(p.URL)
	defer c.Close()
	if err := c.Send("GET", "/delay/60", ""); err != nil {
		t.Fatal(err)
	}
	logged(t, p, "/delay/60")
	targettest.OpenSocket(t, p.URL) // It does not answer the goodbye, for nobody reads it.
	called := make(chan error, 1)
	conn := dial(t, p)
	go func() {
		_, err := delaypb.NewDelayServiceClient(conn).Delay(t.Context(), &delaypb.DelayRequest{Seconds: 60})
		called <- err
	}()
	inFlight(t, p)

	begin := time.Now()
	send(t, p, syscall.SIGTERM)
	if got, err := c.Receive(); err == nil {
		t.Errorf("the request is answered with %d", got.Status)
	}
	if err := <-called; status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
		t.Errorf("the call ended with %v, want Unavailable or Canceled", err)
	}
	exits(t, p, begin, timeout, timeout+moment)
	for _, want := range []string{
		"HTTP server graceful shutdown failed", `"requests":1`, `"websockets":1`,
		"GRPC server graceful shutdown failed", "calls in flight that were cut off: 1",
	} {
		if !strings.Contains(p.Stderr(), want) {
			t.Errorf("the log does not tell %s", want)
		}
	}
}

// inFlight waits until a gRPC call has begun.
func inFlight(t *testing.T, p *testkit.Process) {
	t.Helper()
	const counted = `grpc_server_started_total{grpc_method="Delay",grpc_service="delay.DelayService",grpc_type="unary"} 1`
	testkit.Eventually(t, patience, "the call to begin", func() bool {
		return strings.Contains(targettest.Ask(t, "GET", p.MetricsURL, "/metrics").Body, counted)
	})
}

func TestWebsocketsAreToldToGoAway(t *testing.T) {
	t.Parallel()
	p := start(t)
	conn := targettest.OpenSocket(t, p.URL)
	begin := time.Now()
	send(t, p, syscall.SIGTERM)
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the websocket ended with %v, want close code 1001", err)
	}
	exits(t, p, begin, 0, moment)
}

// TestAWatchDoesNotHoldTheStop leaves a gRPC stream open that has no end of its own.
func TestAWatchDoesNotHoldTheStop(t *testing.T) {
	t.Parallel()
	p := start(t, "--server-shutdown-timeout=60s", "--shutdown-delay=300ms")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watch, err := healthpb.NewHealthClient(dial(t, p)).Watch(ctx, &healthpb.HealthCheckRequest{Service: "podinfo"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := watch.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("%s, %v; want SERVING", got.GetStatus(), err)
	}
	begin := time.Now()
	send(t, p, syscall.SIGTERM)
	if got, err := watch.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("%s, %v; want NOT_SERVING", got.GetStatus(), err)
	}
	if took := time.Since(begin); took > 300*time.Millisecond+moment {
		t.Errorf("the watcher was told after %s", took)
	}
	if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the watch ended with %v, want Unavailable", err)
	}
	exits(t, p, begin, 300*time.Millisecond, 300*time.Millisecond+moment)
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	for name, signals := range map[string][2]os.Signal{
		"in the delay":         {syscall.SIGTERM, syscall.SIGTERM},
		"of another kind":      {syscall.SIGINT, syscall.SIGTERM},
		"with work to be done": {syscall.SIGTERM, syscall.SIGINT},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "--shutdown-delay=60s", "--level=debug")
			c := targettest.NewClient(p.URL)
			defer c.Close()
			if err := c.Send("GET", "/delay/60", ""); err != nil {
				t.Fatal(err)
			}
			logged(t, p, "/delay/60")
			send(t, p, signals[0])
			drains(t, p)
			begin := time.Now()
			send(t, p, signals[1])
			if code := p.Wait(t, patience); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if took := time.Since(begin); took > moment {
				t.Errorf("the second signal took %s", took)
			}
		})
	}
}

func TestHangupIsLeftToTheSystem(t *testing.T) {
	t.Parallel()
	// Whoever runs the tests may ignore hangups, as nohup does, and a program inherits that; not what is caught, though.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	p := start(t)
	if p.Stop(t, syscall.SIGHUP); p.Signaled() != syscall.SIGHUP {
		t.Errorf("ended by %v, want SIGHUP", p.Signaled())
	}
}

func TestPanicEndsTheProcess(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*testing.T, *testkit.Process){
		"HTTP": func(t *testing.T, p *testkit.Process) {
			if got := targettest.Ask(t, "POST", p.URL, "/panic"); got.Status != 405 {
				t.Errorf("POST /panic is answered with %d, want 405", got.Status)
			}
			c := targettest.NewClient(p.URL)
			defer c.Close()
			if got, err := c.Do("GET", "/panic", ""); err == nil {
				t.Errorf("GET /panic is answered with %d", got.Status)
			}
		},
		"gRPC": func(t *testing.T, p *testkit.Process) {
			_, err := panicpb.NewPanicServiceClient(dial(t, p)).Panic(t.Context(), &panicpb.PanicRequest{})
			if status.Code(err) != codes.Unavailable {
				t.Errorf("the call ended with %v, want Unavailable", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			ask(t, p)
			if code := p.Wait(t, patience); code != 255 {
				t.Errorf("exit code %d, want 255", code)
			}
			if !strings.Contains(p.Stderr(), "Panic command received") {
				t.Error("the log does not tell of the command")
			}
		})
	}
}
