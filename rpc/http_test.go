package rpc_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/rpc/pb/envpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/versionpb"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// mount serves the API behind an HTTP server that speaks HTTP/2 without TLS, as a target with a single port does.
func mount(t *testing.T, change func(*rpc.Deps)) *rig {
	t.Helper()
	r := build(t, change)
	l := listen(t)
	web := &http.Server{Handler: r, Protocols: new(http.Protocols), ReadHeaderTimeout: patience}
	web.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()
	r.addr = l.Addr().String()
	t.Cleanup(func() {
		r.stop(t)
		_ = web.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	r.conn = dial(t, r.addr)
	return r
}

func TestServeHTTP(t *testing.T) {
	t.Parallel()
	r := mount(t, nil)
	got, err := echopb.NewEchoServiceClient(r.conn).Echo(within(t), &echopb.Message{Body: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetBody() != "hello" {
		t.Errorf("the echo is %q, want hello", got.GetBody())
	}
	stream := watch(t, r.conn, "podinfo")
	expect(t, stream, serving)
	if got := r.Streams(); got != 1 {
		t.Errorf("there are %d streams, want the one that watches", got)
	}
	r.Drain()
	expect(t, stream, notServing)
	r.stop(t)
	if got := r.Streams(); got != 0 {
		t.Errorf("after the stop there are %d streams", got)
	}
	_, err = stream.Recv()
	wantStatus(t, err, codes.Unavailable, stopping)
	_, err = versionpb.NewVersionServiceClient(r.conn).Version(within(t), &versionpb.VersionRequest{})
	wantStatus(t, err, codes.Unavailable, stopping)
}

func TestServeHTTPRefusesOtherRequests(t *testing.T) {
	t.Parallel()
	r := mount(t, nil)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(
		within(t), http.MethodPost, "http://"+r.addr+"/echo.EchoService/Echo", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/plain")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("the status is %s, want 415", response.Status)
	}
}

func TestShutdownAnswersHTTPCallsInFlight(t *testing.T) {
	t.Parallel()
	g := newGate()
	r := mount(t, g.deps)
	answer := make(chan error, 1)
	go func() {
		_, err := envpb.NewEnvServiceClient(r.conn).Env(within(t), &envpb.EnvRequest{})
		answer <- err
	}()
	<-g.entered
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(within(t)) }()
	testkit.Eventually(t, patience, "new calls to be refused", func() bool {
		_, err := versionpb.NewVersionServiceClient(r.conn).Version(within(t), &versionpb.VersionRequest{})
		return status.Code(err) == codes.Unavailable
	})
	close(g.leave)
	if err := <-answer; err != nil {
		t.Errorf("the call in flight ended with %v, want its answer", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestShutdownCutsHTTPCallsWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	r := mount(t, nil)
	ended := make(chan error, 1)
	go func() {
		_, err := delaypb.NewDelayServiceClient(r.conn).Delay(within(t), &delaypb.DelayRequest{Seconds: 3600})
		ended <- err
	}()
	testkit.Eventually(t, patience, "the call to reach the server", func() bool {
		return r.series(t, "grpc_server_started_total")["Delay delay.DelayService unary"] == 1
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "cut off: 1") {
		t.Errorf("Shutdown returned %v, want that 1 call was cut off", err)
	}
	if err := <-ended; err == nil || status.Code(err) == codes.DeadlineExceeded {
		t.Errorf("the call that was cut off ended with %v", err)
	}
}
