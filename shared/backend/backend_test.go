package backend_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/backend"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	secret = "hunter2"
	// slack is what a busy machine may add to a bound.
	slack = 5 * time.Second
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a backend and returns its URL.
func serve(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// echo answers with the body of the request.
func echo(w http.ResponseWriter, r *http.Request) {
	// All of it first: what is unread when the answer begins, the server of net/http throws away.
	if body, err := io.ReadAll(r.Body); err == nil {
		_, _ = w.Write(body)
	}
}

// fail answers with a status and a body that nobody asked for.
func fail(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "details")
	}
}

// client returns a Client of the backends at urls, and its log.
func client(t testing.TB, o backend.Options, urls ...string) (*backend.Client, *logtest.Hook) {
	t.Helper()
	log, logged := logtest.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	o.Log, o.URLs = log, urls
	c := backend.New(o)
	t.Cleanup(c.Close)
	return c, logged
}

// TestAnswers calls backends of every kind at once and expects their texts in the order of the URLs.
func TestAnswers(t *testing.T) {
	t.Parallel()
	working := serve(t, echo)
	refused := testkit.ClosedAddress(t)
	broken := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "short")
	})
	moved := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, working, http.StatusTemporaryRedirect)
	})
	status := func(code int) string { return serve(t, fail(code)) }
	bad, gone, unavailable, choices := status(400), status(404), status(503), status(300)
	withSecret := strings.Replace(bad, "//", "//user:"+secret+"@", 1)
	const invalid = ": not a valid URL; use http://host:port/path"

	tests := []struct{ url, want string }{
		{working, "payload"},
		{working + "/echo?a=b", "payload"},
		{moved, "payload"},
		{choices, "details"},
		{bad, "backend " + bad + " response status code 400"},
		{gone, "backend " + gone + " response status code 404"},
		{unavailable + "/p?q=" + secret, "backend " + unavailable + "/p response status code 503"},
		{withSecret, "backend " + strings.Replace(bad, "//", "//user:xxxxx@", 1) + " response status code 400"},
		{"http://" + refused, fmt.Sprintf("backend http://%s call failed Post %[2]q: dial tcp %[1]s: "+
			"connect: connection refused", refused, "http://"+refused)},
		{"http://u:" + secret + "@" + refused + "?token=" + secret, fmt.Sprintf("backend http://u:xxxxx@%s call failed "+
			"Post %[2]q: dial tcp %[1]s: connect: connection refused", refused, "http://u:xxxxx@"+refused)},
		{broken, fmt.Sprintf("backend %s call failed Post %[1]q: EOF", broken)},
		{cut, fmt.Sprintf("backend %s call failed Post %[1]q: unexpected EOF", cut)},
		{"http://u:" + secret + "%z@h", `backend http://xxxxx@h call failed Post "http://xxxxx@h"` + invalid},
		{"http://[::1", `backend http://[::1 call failed Post "http://[::1"` + invalid},
		{"localhost:9898", `backend localhost:9898 call failed Post "localhost:9898"` + invalid},
		{"ftp://host", `backend ftp://host call failed Post "ftp://host"` + invalid},
		{"", `backend  call failed Post ""` + invalid},
		{working, "payload"},
	}
	urls := make([]string, len(tests))
	for i, test := range tests {
		urls[i] = test.url
	}
	c, logged := client(t, backend.Options{}, urls...)
	if c.Len() != len(tests) {
		t.Errorf("Len = %d, want %d", c.Len(), len(tests))
	}
	for i, got := range c.Call(t.Context(), nil, []byte("payload")) {
		if got != tests[i].want {
			t.Errorf("%s\n got %q\nwant %q", tests[i].url, got, tests[i].want)
		}
	}
	for _, entry := range logged.AllEntries() {
		if line, err := entry.String(); err != nil || strings.Contains(line, secret) {
			t.Errorf("logged %q (%v), with the password", line, err)
		}
	}
}

func TestNoBackends(t *testing.T) {
	t.Parallel()
	c, _ := client(t, backend.Options{})
	if got := c.Call(t.Context(), nil, []byte("payload")); len(got) != 0 || c.Len() != 0 {
		t.Errorf("Call = %q, Len = %d; want nothing", got, c.Len())
	}
}

// TestHeaders looks at the whole request that a backend gets.
func TestHeaders(t *testing.T) {
	t.Parallel()
	received := make(chan *http.Request, 1)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { received <- r })
	c, _ := client(t, backend.Options{Version: "1.2.3", Revision: "abc"}, url+"/path?query")
	incoming := http.Header{}
	for name, value := range map[string]string{
		"X-Request-Id": "1", "X-B3-TraceId": "2", "X-B3-SpanId": "3", "X-B3-ParentSpanId": "4", "X-B3-Sampled": "5",
		"X-B3-Flags": "6", "X-Ot-Span-Context": "7",
		"Authorization": "Bearer x", "Cookie": "a=b", "Content-Type": "text/plain", "Traceparent": "x", "X-Other": "x",
		"X-Api-Version": "forged", "Accept": "x", "X-Forwarded-For": "x",
	} {
		incoming.Set(name, value)
	}
	incoming.Add("X-Request-Id", "second")
	before := incoming.Clone()

	c.Call(t.Context(), incoming, []byte("payload"))
	r := <-received
	want := http.Header{
		"X-Request-Id": {"1"}, "X-B3-Traceid": {"2"}, "X-B3-Spanid": {"3"}, "X-B3-Parentspanid": {"4"},
		"X-B3-Sampled": {"5"}, "X-B3-Flags": {"6"}, "X-Ot-Span-Context": {"7"},
		"X-Api-Version": {"1.2.3"}, "X-Api-Revision": {"abc"},
		// Those of every request by net/http:
		"Accept-Encoding": {"gzip"}, "Content-Length": {"7"}, "User-Agent": {"Go-http-client/1.1"},
	}
	if fmt.Sprint(r.Header) != fmt.Sprint(want) {
		t.Errorf("the backend got the headers\n%v, want\n%v", r.Header, want)
	}
	if r.Method != http.MethodPost || r.RequestURI != "/path?query" || "http://"+r.Host != url {
		t.Errorf("the backend got %s %s of %s", r.Method, r.RequestURI, r.Host)
	}
	if fmt.Sprint(incoming) != fmt.Sprint(before) {
		t.Errorf("the incoming headers were changed to %v", incoming)
	}
}

func TestCredentialsOfURL(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, user+" "+password)
	})
	c, _ := client(t, backend.Options{}, strings.Replace(url, "//", "//user:"+secret+"@", 1))
	if got := c.Call(t.Context(), nil, nil)[0]; got != "user "+secret {
		t.Errorf("the backend got the credentials %q, want those of its URL", got)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			t.Error("the request is chunked, want a Content-Length")
		}
		echo(w, r)
	})
	c, _ := client(t, backend.Options{}, url, url)
	for name, body := range map[string][]byte{
		"nil": nil, "empty": {}, "text": []byte("text"), "binary": {0, 0xff, '\n'},
		"as large as may be": bytes.Repeat([]byte("x"), backend.MaxResponseSize),
	} {
		for _, got := range c.Call(t.Context(), nil, body) {
			if got != string(body) {
				t.Errorf("%s: got %d bytes, want the %d that were sent", name, len(got), len(body))
			}
		}
	}
}

func TestTooLargeAnswers(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 1<<20)
	endless := func(w io.Writer) {
		for {
			if _, err := w.Write(zeros); err != nil {
				return
			}
		}
	}
	backends := map[string]http.HandlerFunc{
		"one byte too many": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(backend.MaxResponseSize+1))
			_, _ = w.Write(make([]byte, backend.MaxResponseSize+1))
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) { endless(w) },
		"endless when unpacked": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packed, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
			endless(packed)
		},
		"announced only": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000000000")
			_, _ = w.Write(make([]byte, backend.MaxResponseSize+1))
		},
	}
	for name, handler := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, handler)
			c, _ := client(t, backend.Options{}, url)
			want := fmt.Sprintf("backend %s call failed Post %[1]q: response body exceeds 10485760 bytes", url)
			if got := c.Call(t.Context(), nil, nil)[0]; got != want {
				t.Errorf("got %.200q\nwant %q", got, want)
			}
		})
	}
}

// TestParallel has backends that answer only once all of them have been called.
func TestParallel(t *testing.T) {
	t.Parallel()
	const n = 10
	var called sync.WaitGroup
	called.Add(n)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		called.Done()
		called.Wait()
		_, _ = io.WriteString(w, r.URL.Path)
	})
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprint(url, "/", i)
	}
	c, _ := client(t, backend.Options{Timeout: 30 * time.Second}, urls...)
	for i, got := range c.Call(t.Context(), nil, nil) {
		if got != fmt.Sprint("/", i) {
			t.Errorf("answer %d is %q", i, got)
		}
	}
}

// TestParallelIsBounded counts the calls that one Call has under way.
func TestParallelIsBounded(t *testing.T) {
	t.Parallel()
	const bound = 32
	var running, most atomic.Int64
	gate := make(chan struct{})
	url := serve(t, func(http.ResponseWriter, *http.Request) {
		now := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		if now == bound {
			close(gate) // as many as there may be; more would have come by the time the answers are through
		}
		<-gate
	})
	c, _ := client(t, backend.Options{Timeout: 30 * time.Second}, slices.Repeat([]string{url}, 2*bound-1)...)
	for _, got := range c.Call(t.Context(), nil, nil) {
		if got != "" {
			t.Fatal(got)
		}
	}
	if most.Load() != bound {
		t.Errorf("%d calls at a time, want %d", most.Load(), bound)
	}
}

// TestTimeout has backends that fall silent at different points.
func TestTimeout(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never looks at them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	backends := map[string]string{
		"no answer to the connection": "http://" + silent.Addr().String(),
		"no answer to the handshake":  "https://" + silent.Addr().String(),
		"no answer to the request":    serve(t, func(_ http.ResponseWriter, r *http.Request) { hang(r) }),
		"no end of the answer": serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			hang(r)
		}),
	}
	for name, url := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, logged := client(t, backend.Options{Timeout: 100 * time.Millisecond}, url)
			started := time.Now()
			got := c.Call(t.Context(), nil, []byte("payload"))[0]
			if took := time.Since(started); took > slack {
				t.Errorf("Call took %s, want the timeout", took)
			}
			want := fmt.Sprintf("backend %s call failed Post %[1]q: context deadline exceeded", url)
			if got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if e := logged.LastEntry(); e == nil || e.Level != logrus.ErrorLevel || e.Message != "backend call failed" {
				t.Errorf("logged %v, want that the call failed", e)
			}
		})
	}
}

// hang reads the request and waits until its client has gone.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// TestCallerGone ends the context of a Call that waits for its backends.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	called, left := make(chan struct{}, 2), make(chan struct{}, 2)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		called <- struct{}{}
		hang(r)
		left <- struct{}{}
	})
	c, _ := client(t, backend.Options{}, url, url)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-called
		<-called
		cancel()
	}()
	want := fmt.Sprintf("backend %s call failed Post %[1]q: context canceled", url)
	for _, got := range c.Call(ctx, nil, nil) {
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	<-left
	<-left
}

// TestConnections counts the connections that many calls take, whatever the backend answers.
func TestConnections(t *testing.T) {
	t.Parallel()
	backends := map[string]http.HandlerFunc{
		"success": echo,
		"failure": fail(http.StatusInternalServerError),
		"long failure": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write(make([]byte, 32<<10))
		},
	}
	for name, handler := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opened atomic.Int64
			server := httptest.NewUnstartedServer(handler)
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			server.Start()
			t.Cleanup(server.Close)
			c, _ := client(t, backend.Options{}, server.URL)
			for range 100 {
				c.Call(t.Context(), nil, []byte("payload"))
			}
			if got := opened.Load(); got != 1 {
				t.Errorf("100 calls took %d connections, want 1", got)
			}
		})
	}
}

// TestBodyStaysTheCallers has a backend that answers before it has read the request, so that the transport still sends
// it when Call returns. The caller writes into the body then; the race detector sees whether anyone reads it.
func TestBodyStaysTheCallers(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusTeapot)
		_ = http.NewResponseController(w).Flush()
		if body, err := io.ReadAll(r.Body); bytes.Contains(body, []byte("scribble")) {
			t.Errorf("the backend got what the caller wrote after Call had returned (%v)", err)
		}
	})
	c, _ := client(t, backend.Options{}, url, url)
	body := make([]byte, 8<<20)
	c.Call(t.Context(), nil, body)
	for i := 0; i < len(body); i += 8 {
		copy(body[i:], "scribble")
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100<<10)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			_, _ = io.WriteString(w, long)
		case "/fail":
			w.WriteHeader(http.StatusTeapot)
		default:
			_, _ = io.WriteString(w, "hello")
		}
	})
	tests := []struct {
		url, message string
		level        logrus.Level
		fields       logrus.Fields
	}{
		{url + "/ok?key=" + secret, "payload received from backend", logrus.DebugLevel,
			logrus.Fields{"url": url + "/ok", "response": "hello"}},
		{url + "/long", "payload received from backend", logrus.DebugLevel,
			logrus.Fields{"url": url + "/long", "response": long[:1<<10]}},
		{url + "/fail", "backend call failed", logrus.ErrorLevel,
			logrus.Fields{"url": url + "/fail", "status": http.StatusTeapot}},
		{"ftp://host", "backend call failed", logrus.ErrorLevel,
			logrus.Fields{"url": "ftp://host", "error": `Post "ftp://host": not a valid URL; use http://host:port/path`}},
	}
	for _, test := range tests {
		t.Run(test.url, func(t *testing.T) {
			t.Parallel()
			c, logged := client(t, backend.Options{}, test.url)
			type key struct{}
			c.Call(context.WithValue(t.Context(), key{}, "the request's"), nil, nil)
			entries := logged.AllEntries()
			if len(entries) != 1 {
				t.Fatalf("%d log entries, want 1", len(entries))
			}
			e := entries[0]
			if e.Context == nil || e.Context.Value(key{}) == nil {
				t.Error("the line was logged without the context of the request")
			}
			if e.Message != test.message || e.Level != test.level || fmt.Sprint(e.Data) != fmt.Sprint(test.fields) {
				t.Errorf("logged %s %q %v\nwant   %s %q %v", e.Level, e.Message, e.Data, test.level, test.message, test.fields)
			}
		})
	}
}

// transport is one of the user's own.
type transport struct{ err error }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, t.err
}

func TestOwnTransport(t *testing.T) {
	t.Parallel()
	c, _ := client(t, backend.Options{Transport: transport{errors.New("no network today")}}, "http://host")
	want := `backend http://host call failed Post "http://host": no network today`
	if got := c.Call(t.Context(), nil, []byte("payload"))[0]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
