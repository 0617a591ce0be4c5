package handlers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/shared/backend"
	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/shared/faults"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// platformTime is what the platform of these tests gives a request.
const platformTime = 150 * time.Millisecond

// serveBounded starts a real server that bounds its requests as platforms for functions do: the context of each has a
// deadline, and nobody but the handler ends it.
func serveBounded(t *testing.T, limit time.Duration, change ...func(*handlers.Deps)) string {
	t.Helper()
	api := onceOnly(t, handlers.New(deps(t, change...)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		api.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// talk sends a raw request on a connection of its own and returns how its answer ends: its status with the body,
// or the error that cut it.
func talk(t *testing.T, url, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return err.Error()
	}
	return strconv.Itoa(got.StatusCode) + " " + string(body)
}

// silent is the address of a server that takes connections and never says a word.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

const overdueAnswer = "504 {\n  \"code\": 504,\n" +
	"  \"message\": \"the request was not finished before the platform's deadline for it\"\n}"

func TestRequestsPastTheirDeadlineAnswer504(t *testing.T) {
	t.Parallel()
	slowFaults := func(d *handlers.Deps) {
		d.Faults = faults.New(faults.Options{
			RandomDelay: true, DelayUnit: time.Second, DelayMin: time.Hour, DelayMax: time.Hour,
		})
	}
	slowCache := func(d *handlers.Deps) {
		c, err := cache.Open("tcp://"+silent(t), cache.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		d.Cache = c
	}
	slowBackends := func(d *handlers.Deps) {
		quick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "quick")
		}))
		t.Cleanup(quick.Close)
		d.Backends = backend.New(backend.Options{URLs: []string{quick.URL, "http://" + silent(t)}, Log: d.Log})
		t.Cleanup(d.Backends.Close)
	}
	noTimeout := func(d *handlers.Deps) { d.ServerTimeout = 0 }
	const half = " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello"
	const chunk = " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	const whole = " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	const none = " HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, tc := range []struct {
		name, request string
		change        func(*handlers.Deps)
		want          string
	}{
		{"delay", "GET /delay/3600" + none, noTimeout, overdueAnswer},
		{"random delay", "GET /version" + none, slowFaults, overdueAnswer},
		{"chunked, whose 200 was sent", "GET /chunked/3600" + none, noTimeout, "unexpected EOF"},
		{"cache read", "GET /cache/a" + none, slowCache, overdueAnswer},
		{"cache write", "PUT /cache/a" + whole, slowCache, overdueAnswer},
		{"cache deletion", "DELETE /cache/a" + none, slowCache, overdueAnswer},
		{"backends", "POST /echo" + whole, slowBackends, overdueAnswer},
		{"body of echo", "POST /echo" + half, noTimeout, overdueAnswer},
		{"chunked body of echo", "POST /echo" + chunk, noTimeout, overdueAnswer},
		{"body within a server's timeout", "POST /echo" + half, func(*handlers.Deps) {}, overdueAnswer},
		{"body of the cache", "PUT /cache/a" + half, noTimeout, overdueAnswer},
		{"body of the store", "POST /store" + half, noTimeout, overdueAnswer},
		{"body of a token", "POST /token" + half, noTimeout, overdueAnswer},
		{"in time", "POST /echo" + whole, noTimeout, "202 hello"},
		{"no wait", "GET /delay/0" + none, noTimeout, "200 {\n  \"delay\": 0\n}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			limit := platformTime
			if tc.want != overdueAnswer && !strings.Contains(tc.want, "EOF") {
				limit = time.Minute
			}
			if got := talk(t, serveBounded(t, limit, tc.change), tc.request); got != tc.want {
				t.Errorf("the answer is %q, want %q", got, tc.want)
			}
		})
	}
}

// TestBodyIsBoundedByTheServersTimeoutToo has a platform that would wait for long.
func TestBodyIsBoundedByTheServersTimeoutToo(t *testing.T) {
	t.Parallel()
	url := serveBounded(t, time.Minute, func(d *handlers.Deps) { d.ServerTimeout = platformTime })
	const request = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello"
	if got := talk(t, url, request); !strings.HasPrefix(got, "408 ") {
		t.Errorf("the answer is %q, want 408", got)
	}
}

// TestWhatFollowsTheBodyIsNotBoundByIt waits on past the time that there was for the body. The deadline for reading it
// must be gone by then, or net/http takes it for a client that left.
func TestWhatFollowsTheBodyIsNotBoundByIt(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(3 * platformTime):
			_, _ = io.WriteString(w, "slow")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(slow.Close)
	url := serveBounded(t, time.Minute, func(d *handlers.Deps) {
		d.ServerTimeout = platformTime
		d.Backends = backend.New(backend.Options{URLs: []string{slow.URL}, Log: d.Log})
		t.Cleanup(d.Backends.Close)
	})
	for _, request := range []string{
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", // Without a body net/http looks out for the client from the start.
	} {
		if got, want := talk(t, url, request), "200 [\n  \"slow\"\n]"; got != want {
			t.Errorf("%.10q is answered with %q, want %q", request, got, want)
		}
	}
}

// TestALeavingClientIsNoDeadline has a deadline that is far when the client closes its end.
func TestALeavingClientIsNoDeadline(t *testing.T) {
	t.Parallel()
	conn, err := net.Dial("tcp", strings.TrimPrefix(serveBounded(t, time.Hour), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprint(conn, "GET /delay/3600 HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	if got.StatusCode != 499 {
		t.Errorf("the answer is %d, want 499", got.StatusCode)
	}
}

// TestOverdueRequestsAreCountedAs504 reads the metrics, for that is what shows an operator that the platform's time is
// too short.
func TestOverdueRequestsAreCountedAs504(t *testing.T) {
	t.Parallel()
	url := serveBounded(t, platformTime)
	if got := ask(t, "GET", url+"/delay/3600"); got.status != 504 {
		t.Fatalf("the answer is %d, want 504", got.status)
	}
	const want = `http_request_duration_seconds_count{method="GET",path="delay",status="504"} 1`
	testkit.Eventually(t, 5*time.Second, "the request to be counted", func() bool {
		return strings.Contains(ask(t, "GET", url+"/metrics").body, want)
	})
}
