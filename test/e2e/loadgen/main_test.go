package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/internal/report"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// start runs loadgen against handler until enough tells to stop it, and returns its last report.
func start(t *testing.T, handler http.HandlerFunc, enough func() bool, args ...string) report.Report {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stdout, stderr bytes.Buffer
	exit := make(chan int, 1)
	go func() {
		exit <- run(ctx, append(append([]string{"-pause=1ms"}, args...), server.URL), &stdout, &stderr)
	}()
	testkit.Eventually(t, 30*time.Second, "enough requests", enough)
	stop()
	if code := <-exit; code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	var last report.Report
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if !last.Done {
		t.Error("the last report is not marked as done")
	}
	return last
}

// warm is how many requests the wait for the server takes, which are not counted.
const warm = 5

func TestEveryFailureIsCounted(t *testing.T) {
	t.Parallel()
	var seen, failed, cut atomic.Int64
	handler := func(w http.ResponseWriter, _ *http.Request) {
		n := seen.Add(1)
		switch {
		case n <= warm || n%5 > 1:
			_, _ = io.WriteString(w, "fine")
		case n%5 == 0:
			failed.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			cut.Add(1)
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
		}
	}
	got := start(t, handler, func() bool { return seen.Load() > 200 })
	if want := int(seen.Load()) - warm; got.Requests != want {
		t.Errorf("%d requests are reported, the server has counted %d", got.Requests, want)
	}
	if want := int(failed.Load()); got.Failures["HTTP 503"] != want {
		t.Errorf("%d answers 503 are reported of %d: %v", got.Failures["HTTP 503"], want, got.Failures)
	}
	if want := int(cut.Load()); got.Failures["unexpected EOF"] != want {
		t.Errorf("%d answers cut off are reported of %d: %v", got.Failures["unexpected EOF"], want, got.Failures)
	}
	if got.Failed != got.Failures["HTTP 503"]+got.Failures["unexpected EOF"] || got.FirstFailure == "" {
		t.Errorf("the failures do not add up: %+v", got)
	}
}

func TestARequestSentAgainIsCountedApart(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	handler := func(w http.ResponseWriter, _ *http.Request) {
		if n := seen.Add(1); n > warm+1 && n%3 == 0 {
			// The connection has served before, so that the client sends the request once more on another one.
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "fine")
	}
	got := start(t, handler, func() bool { return seen.Load() > 100 }, "-keep-alive=1", "-fresh=0")
	if got.Retried == 0 {
		t.Errorf("no request is reported as sent again: %+v", got)
	}
}

func TestAnswersAreCountedByWhatTheyHold(t *testing.T) {
	t.Parallel()
	for _, h2c := range []string{"-h2c=false", "-h2c=true"} {
		var seen, b atomic.Int64
		handler := func(w http.ResponseWriter, r *http.Request) {
			name := "a"
			if n := seen.Add(1); n > warm && n%2 == 0 {
				name = "b"
				b.Add(1)
			}
			_, _ = io.WriteString(w, `{"proto": "`+r.Proto+`", "host": "`+r.Host+`", "name": "`+name+`"}`)
		}
		got := start(t, handler, func() bool { return seen.Load() > 100 }, h2c, "-count-by", `"name": "([^"]*)"`)
		if got.By["b"] != int(b.Load()) || got.By["a"]+got.By["b"] != got.Requests || got.Failed > 0 {
			t.Errorf("%s: the server has named itself b %d times: %+v", h2c, b.Load(), got)
		}
	}
}

func TestHostAndProtocolAreThoseAskedFor(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	handler := func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		_, _ = io.WriteString(w, r.Proto+" "+r.Host)
	}
	args := []string{"-h2c", "-host=web.example.com", "-count-by=(.*)"}
	got := start(t, handler, func() bool { return seen.Load() > 20 }, args...)
	if got.By["HTTP/2.0 web.example.com"] != got.Requests {
		t.Errorf("the server has seen %v", got.By)
	}
}

func TestCallsOfGRPCFailByTheirStatus(t *testing.T) {
	t.Parallel()
	var seen, failed atomic.Int64
	handler := func(w http.ResponseWriter, r *http.Request) {
		n := seen.Add(1)
		body, _ := io.ReadAll(r.Body)
		status := "0"
		if n > warm && n%4 == 0 {
			status = "14"
			failed.Add(1)
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
		_, _ = io.WriteString(w, r.Proto+" "+r.Header.Get("Content-Type")+" "+hex.EncodeToString(body))
	}
	got := start(t, handler, func() bool { return seen.Load() > 100 }, "-grpc", "-count-by=(.*)")
	if want := int(failed.Load()); got.Failed != want || got.Failures[`gRPC status "14"`] != want {
		t.Errorf("%d calls were told that they failed: %+v", want, got)
	}
	if got.By["HTTP/2.0 application/grpc 0000000000"] != got.Requests-got.Failed {
		t.Errorf("the server has seen %v", got.By)
	}
}

func TestABodyIsPosted(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	handler := func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Method+" "+string(body))
	}
	got := start(t, handler, func() bool { return seen.Load() > 20 }, "-body=hello", "-count-by=(.*)")
	if got.By["POST hello"] != got.Requests {
		t.Errorf("the server has seen %v", got.By)
	}
}

func TestItWaitsForTheServer(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	handler := func(w http.ResponseWriter, _ *http.Request) {
		if seen.Add(1) < 10 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}
	got := start(t, handler, func() bool { return seen.Load() > 50 })
	if got.Failed > 0 || got.Requests == 0 {
		t.Errorf("what failed before the server was up counts: %+v", got)
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "one URL is needed"},
		{[]string{"-count-by=a", "http://127.0.0.1"}, "has no group"},
		{[]string{"-count-by=(", "http://127.0.0.1"}, "missing closing )"},
		{[]string{"-nosuch", "http://127.0.0.1"}, "flag provided but not defined"},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), test.args, io.Discard, &stderr); code != 2 {
			t.Errorf("loadgen %v: exit code %d, not 2", test.args, code)
		}
		if !strings.Contains(stderr.String(), test.want) {
			t.Errorf("loadgen %v says %q, not %q", test.args, stderr.String(), test.want)
		}
	}
}
