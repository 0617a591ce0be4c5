package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestBareServerFails shows that the table can fail: a server that answers 200 with nothing does not have a single one
// of its behaviors.
func TestBareServerFails(t *testing.T) {
	t.Parallel()
	bare := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(bare.Close)
	mustFail(t, Target{Name: "bare", BaseURL: bare.URL, SecureURL: bare.URL, MetricsURL: bare.URL})
}

// TestSilentServerFails does the same with a server that closes every connection, gRPC included.
func TestSilentServerFails(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silence := make(chan struct{})
	go func() {
		defer close(silence)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-silence
	})
	address := listener.Addr().String()
	mustFail(t, Target{Name: "silent", BaseURL: "http://" + address, MetricsURL: "http://" + address, GRPCAddr: address})
}

// observe runs cases without failing for what they find.
func observe(t *testing.T, target Target, groups []Group) Report {
	t.Helper()
	return Run(t, target, groups, Observe)
}

// mustFail runs the table against a target that has none of its behaviors.
func mustFail(t *testing.T, target Target) {
	t.Helper()
	report := observe(t, target, Table())
	for _, r := range report.With(Passed) {
		t.Errorf("%s passes on a server that does nothing, so it shows nothing", r.Name())
	}
	if failed := len(report.With(Failed)); failed < 200 {
		t.Errorf("only %d cases failed, want all but those that need a server of their own", failed)
	}
}

// TestAlmostRightServersFail puts a proxy that spoils one thing in front of the real server. The cases about that thing
// must notice, and without spoiling anything none must.
func TestAlmostRightServersFail(t *testing.T) {
	t.Parallel()
	server := start(t, "behind a proxy", "--cache-server=memory://")
	groups := Only("answers", "unknown paths", "methods", "echo", "status", "delay", "token", "cache", "store", "version",
		"info", "swagger.json", "chunked")
	tests := []struct {
		name    string
		spoil   spoiler
		noticed []string // cases that must fail, "group: it ..."
	}{
		{name: "nothing", spoil: spoiltHeader{}},
		{
			name:  "the type of JSON answers",
			spoil: spoiltHeader{"Content-Type", "application/json; charset=utf-8", "text/json"},
			noticed: []string{
				"version: it answers with version and commit", "info: it has its keys in this order, all of them strings",
			},
		},
		{
			name:    "nosniff",
			spoil:   spoiltHeader{"X-Content-Type-Options", "nosniff", ""},
			noticed: []string{"echo: it returns the body", "unknown paths: it answers /VERSION with 404"},
		},
		{
			name:    "Allow",
			spoil:   spoiltHeader{"Allow", "GET, HEAD", ""},
			noticed: []string{"methods: it answers the wrong ones at /version with 405 and the right ones"},
		},
		{
			name:    "the challenge",
			spoil:   spoiltHeader{"Www-Authenticate", "Bearer", "Basic"},
			noticed: []string{"token: it refuses another scheme"},
		},
		{
			name:  "the status of errors",
			spoil: spoiltStatus{},
			noticed: []string{
				"store: it refuses what is no hash", "status: it refuses what is no code of three digits",
				"answers: it carries the status of an error in the status line, too", "token: it refuses garbage",
			},
		},
		{
			name:    "the end of JSON answers",
			spoil:   spoiltBody{"application/json; charset=utf-8", addNewline},
			noticed: []string{"version: it answers with version and commit", "delay: it does not wait for 0"},
		},
		{
			name:    "one byte of what is echoed",
			spoil:   spoiltBody{"application/octet-stream", spoilByte},
			noticed: []string{"echo: it returns every byte", "cache: it keeps every byte", "store: it keeps every byte"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := Target{Name: "spoilt", BaseURL: spoilt(t, server.BaseURL, tt.spoil), Lacks: map[Capability]string{
				AnyStatus: "the proxy is in the way", RawHTTP: "the proxy is in the way", RawPath: "the proxy is in the way",
				Streaming: "the proxy is in the way", LargeBody: "it takes long",
			}}
			failed := observe(t, target, groups).With(Failed)
			if len(tt.noticed) == 0 && len(failed) > 0 {
				t.Errorf("%d cases failed, the first one:\n%s", len(failed), failed[0].Explain())
			}
			for _, name := range tt.noticed {
				if !slices.ContainsFunc(failed, func(r Result) bool { return r.Name() == name }) {
					t.Errorf("spoiling %s, this case did not fail: %s", tt.name, name)
				}
			}
		})
	}
}

// spoilt starts a proxy that changes the answers of the server at base.
func spoilt(t *testing.T, base string, change spoiler) string {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if _, given := r.In.Header["User-Agent"]; !given {
				r.Out.Header.Set("User-Agent", "")
			}
		},
		ModifyResponse: change.spoil,
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front.URL
}

func addNewline(body []byte) []byte { return append(body, '\n') }

func spoilByte(body []byte) []byte { return bytes.ReplaceAll(body, []byte{0xff}, []byte{'?'}) }

// spoiler changes an answer on its way.
type spoiler interface {
	spoil(*http.Response) error
}

// spoiltHeader replaces one value of a header, by nothing if to is empty.
type spoiltHeader struct{ name, from, to string }

func (h spoiltHeader) spoil(answer *http.Response) error {
	if h.name == "" || answer.Header.Get(h.name) != h.from {
		return nil
	}
	if answer.Header.Del(h.name); h.to != "" {
		answer.Header.Set(h.name, h.to)
	}
	return nil
}

// spoiltStatus hides errors behind a 200.
type spoiltStatus struct{}

func (spoiltStatus) spoil(answer *http.Response) error {
	if answer.StatusCode >= 400 {
		answer.StatusCode = http.StatusOK
	}
	return nil
}

// spoiltBody changes the body of answers with a content type.
type spoiltBody struct {
	contentType string
	change      func([]byte) []byte
}

func (b spoiltBody) spoil(answer *http.Response) error {
	if answer.Header.Get("Content-Type") != b.contentType {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	body = b.change(body)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	answer.Header.Del("Content-Length")
	return nil
}

// TestFailuresSaySoToPeople pins what a person reads when a case fails.
func TestFailuresSaySoToPeople(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "now")
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<h1>hello</h1>")
	}))
	t.Cleanup(server.Close)
	groups := []Group{{Name: "hash", Cases: []Case{
		it("is refused", get("/store/x").want(status(400), contentType("application/json"))).differs("answers 200"),
	}}}
	report := observe(t, Target{Name: "fake", BaseURL: server.URL}, groups)
	want := `hash: it is refused, but it did not:
    GET /store/x
    - the status is 200 OK, want 400 Bad Request
    - the header Content-Type is ["text/html"], want "application/json"
    The answer was:
        HTTP/1.1 200 OK
        Content-Length: 14
        Content-Type: text/html
        Date: now
        
        <h1>hello</h1>
This differs on purpose from the established podinfo, which answers 200.`
	if got := report.With(Failed)[0].Explain(); got != want {
		t.Errorf("the explanation is\n%s\nwant\n%s", got, want)
	}
	const end = "  FAIL  hash: it is refused (the established podinfo answers 200)\n" +
		"0 passed, 0 skipped, 1 failed, 1 of them where podinfo differs from the established one on purpose"
	if text := report.String(); !strings.HasSuffix(text, end) {
		t.Errorf("the report is\n%s\nwant it to end in\n%s", text, end)
	}
}

// TestCasesRunWhereTheyCan shows which cases are skipped, and that each says why.
func TestCasesRunWhereTheyCan(t *testing.T) {
	t.Setenv(RunSlow, "")
	pass := step(func(*session) error { return nil })
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	groups := []Group{
		{Name: "shared", Cases: []Case{
			it("runs", pass), it("streams", pass).needs(Streaming), it("is secure", pass).needs(TLS),
		}},
		{Name: "own", Settings: []string{"--prefix=/p"}, Cases: []Case{it("moves", pass)}},
		{Name: "slow", Cases: []Case{it("takes long", pass).slow()}},
	}
	target := Target{Name: "fake", BaseURL: server.URL, Lacks: map[Capability]string{Streaming: "it buffers"}}
	report := observe(t, target, groups)
	if passed := report.With(Passed); len(passed) != 1 || passed[0].Name() != "shared: it runs" {
		t.Errorf("passed: %v", passed)
	}
	reasons := map[string]string{}
	for _, r := range report.With(Skipped) {
		reasons[r.Name()] = r.Text
	}
	for name, want := range map[string]string{
		"shared: it streams":   "needs streaming: it buffers",
		"shared: it is secure": "needs TLS, which this target does not offer",
		"own: it moves":        "needs a server started with --prefix=/p; this one is run by somebody else",
		"slow: it takes long":  "takes long; set CONFORMANCE_SLOW=1 to run it",
	} {
		if reasons[name] != want {
			t.Errorf("%s: skipped with %q, want %q", name, reasons[name], want)
		}
	}
}

// TestWhatATargetSaysDecidesWhatRuns shows the three things that a target can say about a capability.
func TestWhatATargetSaysDecidesWhatRuns(t *testing.T) {
	t.Parallel()
	pass := step(func(*session) error { return nil })
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	groups := []Group{{Name: "all", Cases: []Case{
		it("streams", pass).needs(Streaming), it("talks", pass).needs(WebSocket), it("refuses to", pass).withheld(WebSocket),
		it("turns", pass).needs(Switches),
	}}}
	able := Target{Name: "able", BaseURL: server.URL, Limits: map[Capability]string{Switches: "one of many"}}
	unable := Target{
		Name: "unable", BaseURL: server.URL, Lacks: map[Capability]string{Streaming: "it buffers"},
		Withholds: map[Capability]string{WebSocket: "it hangs up"},
	}
	reports := RunAll(t, []Target{able, unable}, groups, Observe)
	for i, want := range [][]string{
		{"passed: it streams", "passed: it talks", "passed: it turns, switches: one of many"},
		{
			"passed: it refuses to", "passed: it turns",
			"without streaming: it buffers: it streams", "without websockets: it hangs up, aside: it talks",
		},
	} {
		var got []string
		for _, r := range append(reports[i].With(Passed), reports[i].With(Skipped)...) {
			got = append(got, outlined(r))
		}
		if !slices.Equal(got, want) || !reports[i].Whole {
			t.Errorf("%s, whole %t: %q, want %q", reports[i].Target, reports[i].Whole, got, want)
		}
	}
}

// outlined writes a result in a line.
func outlined(r Result) string {
	text := "passed"
	if r.Outcome == Skipped {
		text = "without " + r.Why
	}
	if r.Outcome == Skipped && r.Aside {
		text += ", aside"
	}
	return strings.Join(append([]string{text + ": it " + r.Case}, r.Limits...), ", ")
}

// TestUnsupportedSettingsAreAReason shows what becomes of a group whose settings the target does not know.
func TestUnsupportedSettingsAreAReason(t *testing.T) {
	t.Parallel()
	target := Target{Name: "fake", Start: func(testing.TB, []string) (Target, error) {
		return Target{}, fmt.Errorf("--prefix: there is none: %w", errors.ErrUnsupported)
	}}
	pass := step(func(*session) error { return nil })
	groups := []Group{{Name: "own", Settings: []string{"--prefix=/p"}, Cases: []Case{it("moves", pass)}}}
	skipped := observe(t, target, groups).With(Skipped)
	if len(skipped) != 1 || skipped[0].Why != "--prefix: there is none: unsupported operation" {
		t.Errorf("skipped: %+v", skipped)
	}
}

// TestRequestsAreTold shows which requests of a case its result names.
func TestRequestsAreTold(t *testing.T) {
	t.Parallel()
	plan := Plan([]Group{{Name: "g", Cases: []Case{it("asks",
		get("/a?b=c"), put("/cache/${id}", ""), lines("BREW ${base}/echo HTTP/1.1", ""), talking(), calling("e.E/Echo", `{}`),
		step(func(*session) error { return nil }))}}})
	want := []string{"GET /a?b=c", "PUT /cache/${id}", "BREW /echo", "GET /ws/echo", "CALL e.E/Echo"}
	if got := plan[0].Requests; !slices.Equal(got, want) {
		t.Errorf("the requests are %q, want %q", got, want)
	}
}

// TestSwitchesAreTurnedBack shows that what a case must tidy up is tidied up when it fails as well.
func TestSwitchesAreTurnedBack(t *testing.T) {
	t.Parallel()
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
	}))
	t.Cleanup(server.Close)
	groups := []Group{{Name: "switch", Cases: []Case{
		it("turns", get("/on"), get("/check").want(status(500)), get("/never")).alone().finally(get("/off")),
	}}}
	observe(t, Target{Name: "fake", BaseURL: server.URL}, groups)
	server.Close() // waits for the handlers, so that paths is complete
	if !slices.Equal(paths, []string{"/on", "/check", "/off"}) {
		t.Errorf("the requests were %q, want /on, /check and /off", paths)
	}
}

// TestEventuallyReportsTheLastError shows what a step that waits says when the time is up.
func TestEventuallyReportsTheLastError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	groups := []Group{{Name: "wait", Cases: []Case{
		it("is there in the end", get("/").soon(50*time.Millisecond).want(status(200))),
	}}}
	report := observe(t, Target{Name: "fake", BaseURL: server.URL}, groups)
	text := report.With(Failed)[0].Text
	if !strings.HasPrefix(text, "even after 50ms: GET /\n- the status is 404 Not Found, want 200 OK") {
		t.Errorf("the failure is %q", text)
	}
}
