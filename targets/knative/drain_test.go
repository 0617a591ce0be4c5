package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/platform/queueproxy"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	// quiet is how long queue-proxy waits for another request before it leaves. It cannot be set.
	quiet = 30 * time.Second
	// slow is how many seconds the last requests take: more than quiet, so that they are in flight when it is over.
	slow = 32
	// lasting is how long requests go on to come after the signal, as they do while a cluster learns of it. An app that
	// only had its shutdown delay of 3 s would refuse the last of them.
	lasting = 5 * time.Second
	// clients of each kind make the load.
	clients = 4
	// warmUp is how many answers the load has got before the pod is told to stop.
	warmUp = 300
)

// TestDrainLosesNothing sends SIGTERM to the app and to queue-proxy at once, in the middle of requests of every kind,
// and wants all of them answered until queue-proxy has gone.
func TestDrainLosesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, queueproxy.Options{Settings: []string{
		"PODINFO_SHUTDOWN_DELAY=", "--http-server-timeout=2m", // Empty is not given: the default holds.
	}})
	conn := dial(t, p)
	stream := watch(t, conn)
	socket := targettest.OpenSocket(t, p.URL)
	parted := make(chan error, 1)
	go func() { parted <- goodbye(socket) }()
	l := startLoad(t, p, conn)
	testkit.Eventually(t, 3*patience, "the load to be on", func() bool { return l.answered.Load() >= warmUp })

	begin := time.Now()
	terminate(t, p.SignalApp, p.SignalProxy)
	wantHealth(t, stream, healthpb.HealthCheckResponse_NOT_SERVING)
	testkit.Eventually(t, patience, "queue-proxy to refuse the probe", func() bool { return !p.Ready() })
	testkit.Eventually(t, 3*patience, "requests to come for a while", func() bool { return time.Since(begin) > lasting })
	var last sync.WaitGroup
	last.Go(func() { l.delayed() })
	last.Go(func() { l.delayedCall(conn) })
	l.end()

	last.Wait()
	if took := time.Since(begin); took < quiet {
		t.Errorf("the last requests were answered %s after the signal, want the drain to be over", took)
	}
	leaves(t, p.ProxyExit)
	leaves(t, p.AppExit)
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v, want Unavailable", err)
	}
	if err := <-parted; !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the websocket ended with %v, want close code 1001", err)
	}
	if strings.Contains(p.Stderr(), "graceful shutdown failed") {
		t.Error("the log tells of something that was cut")
	}
	t.Logf("%d requests answered, stopped in %s", l.answered.Load(), time.Since(begin).Round(time.Millisecond))
}

// TestStopOfTheAppAlone is what happens when kubelet restarts the container: queue-proxy stays, and so do its requests.
// The app must not wait for their end.
func TestStopOfTheAppAlone(t *testing.T) {
	t.Parallel()
	p := start(t, queueproxy.Options{})
	body, release := io.Pipe()
	held := make(chan int, 1)
	go func() { held <- post(t, p.URL+"/echo", body) }()
	if _, err := release.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	terminate(t, p.SignalApp)
	testkit.Eventually(t, 3*patience, "the app to stop taking requests", func() bool {
		got := targettest.Ask(t, "GET", p.URL, "/version")
		return got.Status != 200 || time.Since(begin) > quiet
	})
	_ = release.Close()
	if status := <-held; status != 202 {
		t.Errorf("the request in flight got %d, want 202", status)
	}
	leaves(t, p.AppExit)
	if took := time.Since(begin); took > quiet/2 {
		t.Errorf("the stop took %s", took)
	}
}

func terminate(t *testing.T, signals ...func(syscall.Signal) error) {
	t.Helper()
	for _, signal := range signals {
		if err := signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
}

// leaves wants a process to exit in order, now that nothing is left to do.
func leaves(t *testing.T, exit func(context.Context) (int, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if code, err := exit(ctx); err != nil || code != 0 {
		t.Errorf("exit code %d, %v; want 0", code, err)
	}
}

// watch opens a stream that lasts.
func watch(t *testing.T, conn *grpc.ClientConn) healthpb.Health_WatchClient {
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
		t.Errorf("the stream tells %s, %v; want %s", got.GetStatus(), err, want)
	}
}

// goodbye reads a websocket to its end, and closes it.
func goodbye(conn *websocket.Conn) error {
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(2 * quiet))
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return err
		}
	}
}

// load is a crowd of clients that ask without pause until they are told to end.
type load struct {
	t        *testing.T
	p        *queueproxy.Pod
	clients  sync.WaitGroup
	answered atomic.Int64
	ending   chan struct{}
}

func startLoad(t *testing.T, p *queueproxy.Pod, conn *grpc.ClientConn) *load {
	t.Helper()
	l := &load{t: t, p: p, ending: make(chan struct{})}
	overHTTP2 := http2Client(t)
	for range clients {
		kept := targettest.NewClient(p.URL)
		l.keep("a request", func() error { return answered(kept.Do("GET", "/version", "")) })
		l.keep("a request on a connection of its own", func() error {
			c := targettest.NewClient(p.URL)
			defer c.Close()
			return answered(c.Do("POST", "/echo", "hello"))
		})
		l.keep("a request over HTTP/2", func() error {
			// A body that cannot be read twice, so that nobody on the way repeats the request.
			answer, err := overHTTP2.Post(p.URL+"/echo", "", io.MultiReader(strings.NewReader("hello")))
			if err != nil {
				return err
			}
			defer func() { _ = answer.Body.Close() }()
			if answer.StatusCode != http.StatusAccepted {
				return errors.New(answer.Status)
			}
			_, err = io.Copy(io.Discard, answer.Body)
			return err
		})
		l.keep("a call", func() error {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_, err := echopb.NewEchoServiceClient(conn).Echo(ctx, &echopb.Message{Body: "hello"})
			return err
		})
	}
	return l
}

// keep repeats ask until the load ends, or the first that is lost.
func (l *load) keep(what string, ask func() error) {
	l.clients.Go(func() {
		for {
			select {
			case <-l.ending:
				return
			default:
			}
			if err := ask(); err != nil {
				l.t.Errorf("%s was lost: %v", what, err)
				return
			}
			l.answered.Add(1)
		}
	})
}

// end lets every client get its last answer.
func (l *load) end() {
	close(l.ending)
	l.clients.Wait()
}

// delayed sends a request whose answer takes long.
func (l *load) delayed() {
	answer, err := httpGet(l.p.URL + "/delay/" + strconv.Itoa(slow))
	if err != nil || answer != 200 {
		l.t.Errorf("a slow request was lost: status %d, %v", answer, err)
	}
}

func (l *load) delayedCall(conn *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), slow*time.Second+patience)
	defer cancel()
	if _, err := delaypb.NewDelayServiceClient(conn).Delay(ctx, &delaypb.DelayRequest{Seconds: slow}); err != nil {
		l.t.Errorf("a slow call was lost: %v", err)
	}
}

// answered wants what a client got to be an answer of the app.
func answered(got targettest.Answer, err error) error {
	if err == nil && got.Status != 200 && got.Status != 202 {
		return errors.New("status " + strconv.Itoa(got.Status) + ": " + got.Body)
	}
	return err
}

func httpGet(url string) (status int, err error) {
	client := http.Client{Timeout: slow*time.Second + patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
