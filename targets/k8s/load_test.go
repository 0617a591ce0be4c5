package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// How many clients of each kind make the load.
const (
	keepAliveClients = 32
	slowClients      = 4
	socketClients    = 4
	callClients      = 2
	http2Clients     = 2
)

// warmUp is how many answers the load has got before the server is told to stop.
const warmUp = 500

// TestStopUnderLoad stops the server in the middle of all that it can be asked for, and wants every request that it
// took to be answered.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"debug", "info", "warn", "error", "fatal", "panic"} {
		for _, delay := range []time.Duration{0, 300 * time.Millisecond} {
			t.Run(level+" "+delay.String(), func(t *testing.T) {
				t.Parallel()
				stopUnderLoad(t, level, delay)
			})
		}
	}
}

func stopUnderLoad(t *testing.T, level string, delay time.Duration) {
	const timeout = 5 * time.Second
	certificates := filepath.Dir(testkit.NewCertificate(t).CertFile)
	p := testkit.StartPodinfo(t, "--host="+testkit.OwnAddress(t), "--level="+level, "--shutdown-delay="+delay.String(),
		"--server-shutdown-timeout="+timeout.String(), "--cert-path="+certificates)
	l := &load{t: t, p: p}
	l.start()
	testkit.Eventually(t, patience, "the load to be on", func() bool { return l.answered.Load() >= warmUp })

	l.stopping.Store(true)
	begin := time.Now()
	code := p.Stop(t, syscall.SIGTERM)
	took := time.Since(begin)
	l.clients.Wait()

	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took > delay+timeout {
		t.Errorf("the stop took %s, longer than the delay of %s and the timeout of %s", took, delay, timeout)
	}
	if strings.Contains(p.Stderr(), "graceful shutdown failed") {
		t.Error("the log tells of requests that were cut")
	}
	t.Logf("%d requests answered, stopped in %s", l.answered.Load(), took.Round(time.Millisecond))
}

// load is a crowd of clients that ask without pause until the server takes no more connections.
type load struct {
	t        *testing.T
	p        *testkit.Process
	clients  sync.WaitGroup
	answered atomic.Int64
	stopping atomic.Bool
}

func (l *load) start() {
	for range keepAliveClients {
		l.clients.Go(func() { l.keepAsking("GET", "/version", "") })
	}
	for range slowClients {
		l.clients.Go(func() { l.keepAsking("GET", "/delay/1", "") })
	}
	for range http2Clients {
		l.clients.Go(l.keepAskingHTTP2)
	}
	for range socketClients {
		l.clients.Go(l.keepTalking)
	}
	for range callClients {
		l.clients.Go(l.keepCalling)
	}
	l.clients.Go(l.watch)
}

// refused notes that a client could not connect, which it may only find once the server stops.
func (l *load) refused(err error) {
	if !l.stopping.Load() {
		l.t.Errorf("refused before the server was told to stop: %v", err)
	}
}

// keepAsking sends a request as soon as the one before is answered.
func (l *load) keepAsking(method, path, body string) {
	c := targettest.NewClient(l.p.URL)
	defer c.Close()
	for {
		got, err := c.Do(method, path, body)
		if errors.Is(err, targettest.ErrRefused) {
			l.refused(err)
			return
		}
		if err != nil || got.Status != http.StatusOK {
			l.t.Errorf("%s %s: status %d, %v; want an answer", method, path, got.Status, err)
			return
		}
		l.answered.Add(1)
	}
}

// keepAskingHTTP2 is keepAsking over TLS with HTTP/2, in which a client may repeat what the server says it did not look
// at. The body cannot be read again, so that nothing else is repeated.
func (l *load) keepAskingHTTP2() {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	c := http.Client{Transport: transport, Timeout: patience}
	for {
		got, err := c.Post(l.p.SecureURL+"/echo", "", strings.NewReader("hello"))
		if errors.Is(err, syscall.ECONNREFUSED) {
			l.refused(err)
			return
		}
		if err == nil {
			_, err = io.Copy(io.Discard, got.Body)
			_ = got.Body.Close()
		}
		if err != nil {
			l.t.Errorf("POST /echo over HTTP/2: %v; want an answer", err)
			return
		}
		l.answered.Add(1)
	}
}

// keepTalking sends messages over a websocket until the server says goodbye.
func (l *load) keepTalking() {
	conn, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(l.p.URL, "http")+"/ws/echo", nil)
	if err != nil {
		l.t.Errorf("opening a websocket: %v", err)
		return
	}
	_ = answer.Body.Close()
	defer func() { _ = conn.Close() }()
	for {
		_ = conn.WriteMessage(websocket.TextMessage, []byte("hello")) // What breaks is read below.
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, _, err := conn.ReadMessage()
		if websocket.IsCloseError(err, websocket.CloseGoingAway) {
			return
		}
		if err != nil {
			l.t.Errorf("a websocket ended with %v, want close code 1001", err)
			return
		}
		l.answered.Add(1)
	}
}

func (l *load) dial() *grpc.ClientConn {
	conn, err := grpc.NewClient(l.p.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		l.t.Error(err)
	}
	return conn
}

// keepCalling makes one gRPC call after the other.
func (l *load) keepCalling() {
	conn := l.dial()
	defer func() { _ = conn.Close() }()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := echopb.NewEchoServiceClient(conn).Echo(ctx, &echopb.Message{Body: "hello"})
		cancel()
		if status.Code(err) == codes.Unavailable && strings.Contains(err.Error(), "connection refused") {
			l.refused(err)
			return
		}
		if err != nil {
			l.t.Errorf("a gRPC call ended with %v, want an answer", err)
			return
		}
		l.answered.Add(1)
	}
}

// watch watches the gRPC health until the server ends the stream.
func (l *load) watch() {
	conn := l.dial()
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		l.t.Error(err)
		return
	}
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{
		healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING,
	} {
		got, err := stream.Recv()
		if err != nil || got.GetStatus() != want {
			l.t.Errorf("the watcher saw %s, %v; want %s", got.GetStatus(), err, want)
			return
		}
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		l.t.Errorf("the watch ended with %v, want Unavailable", err)
	}
}
