package otel

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/rpc/pb/statuspb"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// patience bounds every wait of these tests, which share small machines with others.
const patience = 60 * time.Second

// request sends one HTTP request to podinfo and returns the status of the answer.
func request(t *testing.T, p *testkit.Process, method, path string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.URL+path, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// call makes one gRPC call to podinfo, which ends with the code of that name.
func call(t *testing.T, p *testkit.Process, code string) {
	t.Helper()
	conn, err := grpc.NewClient(p.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := echopb.NewEchoServiceClient(conn).Echo(ctx, &echopb.Message{Body: "hello"}); err != nil {
		t.Fatal(err)
	}
	_, err = statuspb.NewStatusServiceClient(conn).Status(ctx, &statuspb.StatusRequest{Code: code})
	if (err == nil) != (code == "Ok") {
		t.Fatalf("asked for the code %s, got %v", code, err)
	}
}

// everyday sends what a healthy podinfo is asked all day: good requests, a few refused ones, probes, gRPC calls.
func everyday(t *testing.T, p *testkit.Process) {
	t.Helper()
	for _, r := range []struct {
		method, path string
		status       int
	}{
		{http.MethodPost, "/echo", 0},
		{http.MethodGet, "/api/info", http.StatusOK},
		{http.MethodPut, "/cache/key", http.StatusAccepted},
		{http.MethodGet, "/cache/key", http.StatusOK},
		{http.MethodGet, "/cache/other", http.StatusNotFound},
		{http.MethodGet, "/status/404", http.StatusNotFound},
		{http.MethodGet, "/healthz", http.StatusOK},
		{http.MethodGet, "/readyz", http.StatusOK},
	} {
		if status := request(t, p, r.method, r.path); r.status != 0 && status != r.status {
			t.Fatalf("%s %s answers %d, want %d", r.method, r.path, status, r.status)
		}
	}
	call(t, p, "Ok")
}

// badDay is everyday with failures of every kind, and a moment in which podinfo is not ready.
func badDay(t *testing.T, p *testkit.Process) {
	t.Helper()
	everyday(t, p)
	request(t, p, http.MethodGet, "/status/500")
	request(t, p, http.MethodPost, "/readyz/disable")
	request(t, p, http.MethodGet, "/readyz")
	request(t, p, http.MethodPost, "/readyz/enable")
	call(t, p, "Internal")
}

// contains tells whether the process has said all the texts on one line of its stderr.
func contains(p *testkit.Process, texts ...string) bool {
	for line := range bytes.Lines([]byte(p.Stderr())) {
		found := 0
		for _, text := range texts {
			if bytes.Contains(line, []byte(text)) {
				found++
			}
		}
		if found == len(texts) {
			return true
		}
	}
	return false
}
