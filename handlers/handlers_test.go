package handlers_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/handlers/openapi"
	"github.com/podinfo-targets/podinfo/handlers/ui"
	"github.com/podinfo-targets/podinfo/shared/backend"
	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/shared/faults"
	"github.com/podinfo-targets/podinfo/shared/health"
	"github.com/podinfo-targets/podinfo/shared/info"
	"github.com/podinfo-targets/podinfo/shared/store"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/token"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// deps are the dependencies of an API under test, all of them real.
func deps(t *testing.T, change ...func(*handlers.Deps)) handlers.Deps {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	memory, err := cache.Open("memory://", cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := handlers.Deps{
		Identity:      info.Identity{Hostname: "pod-1", Version: "1.2.3", Revision: "abc", Color: "#34577c", Message: "hi"},
		MaxBody:       10 << 20,
		ServerTimeout: 30 * time.Second,
		Environ:       func() []string { return []string{"A=1"} },
		Configs:       func() map[string]string { return map[string]string{} },
		Exit:          func(code int) { t.Errorf("the process was to end with %d", code) },
		Log:           log,
		Metrics:       telemetry.NewMetrics(),
		Health:        health.New(true, true),
		Faults:        faults.New(faults.Options{}),
		Cache:         memory,
		Store:         store.Open(t.TempDir(), 1<<20),
		Tokens:        token.NewIssuer("a secret of the test"),
		Backends:      backend.New(backend.Options{Log: log}),
		UI:            ui.Open(""),
	}
	for _, f := range change {
		f(&d)
	}
	return d
}

// serve starts a real server on the API. It fails the test on a second WriteHeader.
func serve(t *testing.T, change ...func(*handlers.Deps)) string {
	t.Helper()
	server := httptest.NewServer(onceOnly(t, handlers.New(deps(t, change...))))
	t.Cleanup(server.Close)
	return server.URL
}

// onceOnly is the test mode that fails when an answer's final status is written twice.
func onceOnly(t *testing.T, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&onceWriter{ResponseWriter: w, t: t, request: r.Method + " " + r.URL.Path}, r)
	})
}

type onceWriter struct {
	http.ResponseWriter
	t       *testing.T
	request string
	written bool
}

func (w *onceWriter) WriteHeader(status int) {
	if w.written {
		w.t.Errorf("%s: status %d written after another", w.request, status)
	}
	w.written = status >= http.StatusOK
	w.ResponseWriter.WriteHeader(status)
}

func (w *onceWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, method, url string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, request)
}

func do(t *testing.T, request *http.Request) answer {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	data, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(data)}
}

func TestTwoAPIsLiveSideBySide(t *testing.T) {
	t.Parallel()
	first := serve(t)
	second := serve(t, func(d *handlers.Deps) {
		d.Identity.Version = "9.9.9"
		d.Prefix = "/second"
	})
	ask(t, "POST", first+"/readyz/disable")
	ask(t, "POST", first+"/fault_injection/enable")
	if got := ask(t, "GET", first+"/version"); got.status != 500 {
		t.Errorf("the first API answers %d with its faults switched on, not 500", got.status)
	}
	if got := ask(t, "GET", second+"/second/readyz"); got.status != 200 {
		t.Errorf("the second API's readiness follows the first one's switch: %d", got.status)
	}
	if got := ask(t, "GET", second+"/second/version"); !strings.Contains(got.body, "9.9.9") {
		t.Errorf("the second API answers %q, not its own version", got.body)
	}
	if got := ask(t, "GET", second+"/metrics"); got.status != 404 {
		t.Errorf("/metrics outside the prefix answers %d, not 404", got.status)
	}
	if got := ask(t, "GET", second+"/second/metrics"); strings.Contains(got.body, `path="version"`) {
		t.Error("the second API's metrics show the first one's requests")
	}
}

// TestRoutesAndDocumentsAgree fails when a route is missing from the API document or the other way round. HEAD goes
// without saying beside GET; a route that takes any method is documented by those that make sense.
func TestRoutesAndDocumentsAgree(t *testing.T) {
	t.Parallel()
	operations, err := openapi.Operations()
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, op := range operations {
		documented[op.Method+" "+nameless(op.Path)] = true
		documented["any "+nameless(op.Path)] = true
	}
	routed := make(map[string]bool)
	for _, rt := range handlers.Routes() {
		path := nameless(strings.Replace(rt.Path, "*", "{below}", 1))
		if rt.Methods == nil {
			routed["any "+path] = true
		}
		for _, method := range rt.Methods {
			routed[method+" "+path] = true
		}
	}
	for operation := range routed {
		if !documented[operation] && !strings.HasPrefix(operation, "HEAD ") {
			t.Errorf("the API document lacks %s", operation)
		}
	}
	for _, op := range operations {
		if path := nameless(op.Path); !routed[op.Method+" "+path] && !routed["any "+path] {
			t.Errorf("the API document has %s %s, which no route serves", op.Method, op.Path)
		}
	}
}

// nameless drops the names of a template's variables: /cache/{key} becomes /cache/{}.
func nameless(template string) string {
	return regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(template, "{}")
}

func TestPanickingHandlerAnswers500AndServerGoesOn(t *testing.T) {
	t.Parallel()
	url := serve(t, func(d *handlers.Deps) { d.Environ = func() []string { panic("secret detail") } })
	for range 3 {
		got := ask(t, "GET", url+"/env")
		if got.status != 500 || !strings.Contains(got.body, `"code": 500`) || strings.Contains(got.body, "secret") {
			t.Errorf("got %d %q; want a plain 500 error object", got.status, got.body)
		}
	}
	if got := ask(t, "GET", url+"/metrics"); !strings.Contains(got.body,
		`http_request_duration_seconds_count{method="GET",path="env",status="500"} 3`) {
		t.Error("the panicking requests are not counted as 500")
	}
}

func TestWithheldCapabilityAnswers501WithTheReason(t *testing.T) {
	t.Parallel()
	const reason = "websockets are not possible on this platform"
	url := serve(t, func(d *handlers.Deps) {
		d.Withheld = map[handlers.Capability]string{handlers.Websocket: reason}
	})
	if got := ask(t, "GET", url+"/ws/echo"); got.status != 501 || !strings.Contains(got.body, reason) {
		t.Errorf("got %d %q; want 501 and the reason", got.status, got.body)
	}
	if got := ask(t, "GET", url+"/version"); got.status != 200 {
		t.Errorf("/version answers %d, though it needs nothing", got.status)
	}
}

func TestAbandonedWaitsEndWithTheirClient(t *testing.T) {
	t.Parallel()
	slow := func(d *handlers.Deps) {
		d.Faults = faults.New(faults.Options{
			RandomDelay: true, DelayUnit: time.Second, DelayMin: time.Hour, DelayMax: time.Hour,
		})
	}
	for _, tc := range []struct {
		path   string
		change func(*handlers.Deps)
	}{
		{"/delay/3600", func(*handlers.Deps) {}},
		{"/chunked/3600", func(*handlers.Deps) {}},
		{"/version", slow},
	} {
		t.Run(tc.path, func(t *testing.T) {
			t.Parallel()
			done := make(chan struct{})
			api := handlers.New(deps(t, tc.change))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(done) // A stream that is cut ends in a panic.
				api.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, "GET "+tc.path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(tc.path, "/chunked") { // Its head shows that the handler waits by now.
				if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			_ = conn.Close()
			testkit.Eventually(t, 5*time.Second, "the handler to notice that its client left", func() bool {
				select {
				case <-done:
					return true
				default:
					return false
				}
			})
		})
	}
}

// TestAbandonedWaitsAreNoSuccess asks, and closes the client's end of the connection only, so that the answer to a
// client that seems to have left can be read. It must not be taken for the one that was waited for.
func TestAbandonedWaitsAreNoSuccess(t *testing.T) {
	t.Parallel()
	slow := func(d *handlers.Deps) {
		d.Faults = faults.New(faults.Options{
			RandomDelay: true, DelayUnit: time.Second, DelayMin: time.Hour, DelayMax: time.Hour,
		})
	}
	for _, tc := range []struct {
		path   string
		change func(*handlers.Deps)
		want   string
	}{
		{"/delay/3600", func(*handlers.Deps) {}, "499"},
		{"/delay/0", func(*handlers.Deps) {}, "200"},
		{"/version", slow, "499"},
		{"/chunked/3600", func(*handlers.Deps) {}, "unexpected EOF"},
		{"/chunked/0", func(*handlers.Deps) {}, "200"},
	} {
		t.Run(tc.path, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(serve(t, tc.change), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, "GET "+tc.path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = got.Body.Close() }()
			end := strconv.Itoa(got.StatusCode)
			if _, err := io.Copy(io.Discard, got.Body); err != nil {
				end = err.Error()
			}
			if end != tc.want {
				t.Errorf("GET %s ends in %s, want %s", tc.path, end, tc.want)
			}
		})
	}
}

// TestSlowBodyIsAnswered sends half a body to a server whose deadlines for the request and for the answer are the same.
func TestSlowBodyIsAnswered(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(onceOnly(t, handlers.New(deps(t))))
	server.Config.ReadTimeout = 200 * time.Millisecond
	server.Config.WriteTimeout = server.Config.ReadTimeout
	server.Start()
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello"); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = got.Body.Close() }()
	if got.StatusCode != http.StatusRequestTimeout || !got.Close {
		t.Errorf("status %d, closes %t; want 408 and the end of the connection", got.StatusCode, got.Close)
	}
}

func TestRequestLinesHideSecretsInQueries(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	api := handlers.New(deps(t, func(d *handlers.Deps) {
		d.Log.SetOutput(&lines)
		d.Log.SetLevel(logrus.DebugLevel)
		d.LogRequests = true
	}))
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/version?page=7&access_token=secret", nil)
	api.ServeHTTP(httptest.NewRecorder(), request)
	if got := strings.Count(lines.String(), "/version?page=7&access_token=*"); got != 2 {
		t.Errorf("%d lines show the URI without its secret, want 2:\n%s", got, lines.String())
	}
	if strings.Contains(lines.String(), "secret") {
		t.Errorf("the log holds the secret:\n%s", lines.String())
	}
}

// TestTargetsWithoutPath asks for what is no path (RFC 9112 §3.2): there is nothing to redirect to.
func TestTargetsWithoutPath(t *testing.T) {
	t.Parallel()
	api := handlers.New(deps(t))
	for method, path := range map[string]string{http.MethodConnect: "", http.MethodGet: "*"} {
		got := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
		request.URL.Path = path
		api.ServeHTTP(got, request)
		if got.Code != http.StatusNotFound {
			t.Errorf("%s of %q: status %d, want 404", method, path, got.Code)
		}
	}
}

func TestFaultsSpareProbesMetricsAndSwitches(t *testing.T) {
	t.Parallel()
	url := serve(t, func(d *handlers.Deps) {
		d.Faults = faults.New(faults.Options{
			RandomDelay: true, DelayUnit: time.Second, DelayMin: time.Hour, DelayMax: time.Hour, RandomError: true,
		})
	})
	for _, on := range []bool{false, true} {
		if on {
			ask(t, "POST", url+"/fault_injection/enable")
		}
		for _, path := range []string{
			"/healthz", "/readyz", "/health/live", "/health/ready", "/metrics", "/fault_injection/status", "/no/such/route",
		} {
			want := 200
			if path == "/no/such/route" {
				want = 404
			}
			for range 10 {
				if got := ask(t, "GET", url+path); got.status != want {
					t.Fatalf("%s answers %d under faults, not %d", path, got.status, want)
				}
			}
		}
	}
	const body = `{"status":"fault injection enabled"}` + "\n"
	if got := ask(t, "GET", url+"/version"); got.status != 500 || got.body != body {
		t.Errorf("got %d %q; want the injected fault", got.status, got.body)
	}
}

func TestPanicRouteEndsTheProcessWith255(t *testing.T) {
	t.Parallel()
	codes := make(chan int, 1)
	url := serve(t, func(d *handlers.Deps) { d.Exit = func(code int) { codes <- code } })
	ask(t, "GET", url+"/panic")
	if code := <-codes; code != 255 {
		t.Errorf("exit code %d, want 255", code)
	}
}
