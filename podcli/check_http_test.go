package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// statusServer answers /N with status N and {"status": "OK"} where a body is allowed, and /to/N with a redirect to /N.
func statusServer(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/{status}", func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.PathValue("status"))
		if err != nil {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		if status >= 200 && status != http.StatusNoContent {
			fmt.Fprint(w, `{"status": "OK"}`)
		}
	})
	mux.HandleFunc("/to/{status}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/"+r.PathValue("status"), http.StatusFound)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "less")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestCheckHTTPStatus(t *testing.T) {
	t.Parallel()
	server := statusServer(t)
	for _, test := range []struct {
		path   string
		code   int
		status float64
		size   string
	}{
		{"/200", 0, 200, "16 B"},
		{"/204", 0, 204, "0 B"},
		{"/301", 0, 301, "16 B"}, // without a Location there is nowhere to go
		{"/399", 0, 399, "16 B"},
		{"/to/200", 0, 200, "16 B"},
		{"/to/503", 1, 503, ""},
		{"/400", 1, 400, ""},
		{"/503", 1, 503, ""},
	} {
		t.Run(test.path, func(t *testing.T) {
			t.Parallel()
			address := server.URL + test.path
			want := map[string]any{"address": address, "status code": test.status}
			if test.size != "" {
				want["response size"] = test.size
			}
			wantCheck(t, podcli("", "check", "http", address), test.code, want)
		})
	}
}

func TestCheckHTTPAddsTheScheme(t *testing.T) {
	t.Parallel()
	server := statusServer(t)
	address := server.Listener.Addr().String() + "/200?next=http://elsewhere"
	wantCheck(t, podcli("", "check", "http", address), 0,
		map[string]any{"address": "http://" + address, "status code": 200.0, "response size": "16 B"})
}

func TestCheckHTTPOverIPv6(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Listener.Close()
	server.Listener = listenIPv6(t)
	server.Start()
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	wantCheck(t, podcli("", "check", "http", address), 1,
		map[string]any{"address": "http://" + address, "status code": 404.0})
}

func TestCheckHTTPFailures(t *testing.T) {
	t.Parallel()
	server := statusServer(t)
	encrypted := "https://" + tlsServer(t, validCertificate(t), http.NotFoundHandler())
	for _, test := range []struct {
		name, address string
		flags         []string
		want          string
	}{
		{"nobody listens", "http://" + closedPort(t), nil, "connection refused"},
		{"the body ends early", server.URL + "/cut", nil, "reading the response: unexpected EOF"},
		{"nobody vouches for the certificate", encrypted, nil, "certificate signed by unknown authority"},
		{"the method is none", server.URL + "/200", []string{"--method=NO WAY"}, "invalid method"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := podcli("", append([]string{"check", "http", test.address}, test.flags...)...)
			wantCheck(t, r, 1, map[string]any{"address": test.address, "error": "*"})
			if !strings.Contains(r.stderr, test.want) {
				t.Errorf("stderr is %q, want %q in it", r.stderr, test.want)
			}
		})
	}
}

func TestCheckHTTPSendsMethodAndBodyWithEveryTry(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPut || string(body) != "hello" || r.UserAgent() != userAgent {
			t.Errorf("got %s %q from %q (%v), want PUT hello from %s", r.Method, body, r.UserAgent(), err, userAgent)
		}
		if requests.Add(1) < 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)

	r := podcli("", "check", "http", "--retry=9", "--delay=0", "--method=PUT", "--body=hello", server.URL)
	if r.code != 0 || requests.Load() != 3 {
		t.Errorf("exit status %d after %d requests, want 0 after 3", r.code, requests.Load())
	}
	var texts []string
	for _, entry := range parseLog(t, r.stderr) {
		texts = append(texts, entry.text)
	}
	if got := strings.Join(texts, ", "); got != "check failed, check failed, check succeed" {
		t.Errorf("the log says %s, want one line for each try", got)
	}
}

func TestCheckHTTPKeepsThePasswordToItself(t *testing.T) {
	t.Parallel()
	r := podcli("", "check", "http", "http://me:hunter2@"+closedPort(t))
	if r.code != 1 || strings.Contains(r.stderr, "hunter2") {
		t.Errorf("exit status %d, and stderr is %q; want 1 and no password", r.code, r.stderr)
	}
}
