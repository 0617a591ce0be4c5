package cloudfunctions_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// grace is what Cloud Run gives a container between SIGTERM and SIGKILL.
const grace = 10 * time.Second

func terminate(t *testing.T, p *testkit.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// drains waits until the probes fail.
func drains(t *testing.T, p *testkit.Process) {
	t.Helper()
	testkit.Eventually(t, patience, "the probe to fail", func() bool {
		return ask(t, p, "GET", "/health/ready", "").status == 503
	})
}

// inFlight waits until so many requests are being served.
func inFlight(t *testing.T, p *testkit.Process, n int) {
	t.Helper()
	testkit.Eventually(t, patience, "the requests to begin", func() bool {
		return strings.Count(p.Stderr(), `"request started"`)-strings.Count(p.Stderr(), `"request finished"`) >= n
	})
}

// TestStopLosesNoRequest: those in flight at SIGTERM are answered, and those that still come while they are.
func TestStopLosesNoRequest(t *testing.T) {
	t.Parallel()
	p := start(t, "--level=debug", "--log-requests")
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			if got, err := try(p, "GET", "/delay/2", nil); err != nil || got.status != 200 {
				t.Errorf("a request in flight at SIGTERM is answered %d (%v)", got.status, err)
			}
		})
	}
	inFlight(t, p, 8)
	idle := targettest.NewClient(p.URL)
	defer idle.Close()
	if got, err := idle.Do("GET", "/version", ""); err != nil || got.Closes {
		t.Fatalf("%v, closes %t", err, got.Closes)
	}
	terminate(t, p)
	drains(t, p)
	if got, err := idle.Do("GET", "/version", ""); err != nil || got.Status != 200 || !got.Closes {
		t.Errorf("a request after SIGTERM is answered %d (%v), closes %t", got.Status, err, got.Closes)
	}
	clients.Wait()
	if code := p.Wait(t, grace); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestStopUnderLoad hammers the function from before SIGTERM until after it.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	p := start(t)
	var answered atomic.Int64
	var clients sync.WaitGroup
	halt := make(chan struct{})
	for range 16 {
		clients.Go(func() {
			c := targettest.NewClient(p.URL)
			defer c.Close()
			for {
				select {
				case <-halt:
					return
				default:
				}
				if got, err := c.Do("POST", "/echo", strings.Repeat("x", 10_000)); err != nil || len(got.Body) != 10_000 {
					t.Errorf("a request is answered %d with %d bytes (%v)", got.Status, len(got.Body), err)
					return
				}
				answered.Add(1)
			}
		})
	}
	reach := func(n int64) {
		testkit.Eventually(t, patience, "the load", func() bool { return answered.Load() >= n })
	}
	reach(200)
	terminate(t, p)
	drains(t, p)
	reach(answered.Load() + 200)
	close(halt)
	clients.Wait()
	if code := p.Wait(t, grace); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestStopIsBounded: what does not end in time is cut, before the platform kills the process.
func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	p := start(t, "--level=debug", "--log-requests", "CLOUD_RUN_TIMEOUT_SECONDS=3600")
	cut := make(chan error, 1)
	go func() {
		_, err := try(p, "GET", "/delay/600", nil)
		cut <- err
	}()
	inFlight(t, p, 1)
	begun := time.Now()
	terminate(t, p)
	if code := p.Wait(t, patience); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begun); took > grace {
		t.Errorf("the process took %s to leave, want less than %s", took, grace)
	}
	if entry := logged(t, p, "requests were cut, since the platform gives no more time"); entry["requests"] != 1.0 {
		t.Errorf("the log tells %v requests, want 1", entry["requests"])
	}
	if err := <-cut; err == nil {
		t.Error("the request that was cut got an answer")
	}
}

func TestSecondSignalLeavesAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t, "--level=debug", "--log-requests")
	cut := make(chan error, 1)
	go func() {
		_, err := try(p, "GET", "/delay/50", nil)
		cut <- err
	}()
	inFlight(t, p, 1)
	terminate(t, p)
	drains(t, p)
	begun := time.Now()
	terminate(t, p)
	if code := p.Wait(t, patience); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("the process took %s to leave", took)
	}
	if err := <-cut; err == nil {
		t.Error("the request that was cut got an answer")
	}
}

// TestStopSaysGoodbyeToWebsockets with 1001 (RFC 6455 §7.4.1), and does not wait for a client that would stay.
func TestStopSaysGoodbyeToWebsockets(t *testing.T) {
	t.Parallel()
	p := start(t)
	socket, _, err := websocket.DefaultDialer.Dial(strings.Replace(p.URL, "http", "ws", 1)+"/ws/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	terminate(t, p)
	_ = socket.SetReadDeadline(time.Now().Add(patience))
	_, _, err = socket.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the websocket ends with %v, want 1001", err)
	}
	if code := p.Wait(t, grace); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestInterruptStopsToo: for those who run it in a terminal.
func TestInterruptStopsToo(t *testing.T) {
	t.Parallel()
	p := start(t)
	if got := ask(t, p, "GET", "/version", ""); got.status != http.StatusOK {
		t.Fatal(got.status)
	}
	if code := p.Stop(t, syscall.SIGINT); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
