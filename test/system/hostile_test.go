package system

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestInventedNamesDoNotGrowTheMetrics sends methods, paths and headers that nobody has heard of, and looks at what a
// scrape makes of them.
func TestInventedNamesDoNotGrowTheMetrics(t *testing.T) {
	t.Parallel()
	const invented = 100
	p := start(t)
	ask := func(n int) {
		method := fmt.Sprintf("INVENTED%d", n)
		for _, path := range []string{
			"/echo", "/version", "/metrics", "/swagger.json", "/ws/echo", "/chunked/0",
			fmt.Sprintf("/nowhere/%d", n), fmt.Sprintf("/cache/%d", n), fmt.Sprintf("/echo/%d", n),
		} {
			p.send(t, method, path, "")
		}
	}
	ask(0)
	before := p.metrics(t)
	for n := range invented {
		ask(n)
	}
	after := p.metrics(t)
	if old, now := strings.Count(before, "\n"), strings.Count(after, "\n"); now > old {
		t.Errorf("a scrape has %d lines, and had %d before %d more methods", now, old, invented)
	}
	if strings.Contains(after, "INVENTED") || strings.Contains(after, "nowhere") {
		t.Error("a scrape has names in it that a client made up")
	}
	known := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "OTHER"}
	for _, label := range regexp.MustCompile(`[{,]method="([^"]*)"`).FindAllStringSubmatch(after, -1) {
		if !slices.Contains(known, label[1]) {
			t.Errorf("a scrape has the method %q", label[1])
		}
	}
}

// TestTraversal asks, in every spelling, for files that the server can read but must not give away.
func TestTraversal(t *testing.T) {
	t.Parallel()
	const secret = "nobody may read this"
	root := t.TempDir()
	data, mounted := filepath.Join(root, "data"), filepath.Join(root, "config")
	for _, dir := range []string{data, mounted} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	hash := hashOf(secret)
	for _, name := range []string{"secret", hash, "data/secret", "config/..secret"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A link under a hash is none of the server's own files.
	if err := os.Symlink(filepath.Join(root, hash), filepath.Join(data, hash)); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--data-path="+data, "--config-path="+mounted, "--cache-server=memory://")
	for _, place := range []string{
		"/store/", "/configs/", "/configs", "/swagger/", "/ui/", "/cache/", "/", "/debug/pprof/",
	} {
		for _, way := range []string{
			"secret", hash, "../secret", "../" + hash, "%2e%2e/secret", "%2e%2e%2fsecret", "..%2f" + hash, "..%5csecret",
			"..\\secret", "....//secret", "..;/secret", "%252e%252e%252fsecret", "..%c0%afsecret", "%00/../secret",
			"/secret", "%2f" + url.PathEscape(root) + "%2fsecret", root + "/secret", "..secret", "/..secret",
			"?file=../secret", "../../../../../../../../../../etc/passwd",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				l := p.dial(t)
				l.say(head(method, place+way, "Connection: close", "Content-Length: 0"))
				got, err := io.ReadAll(l.reader)
				if err != nil || len(got) == 0 {
					t.Errorf("%s %s%s is not answered: %v", method, place, way, err)
				}
				if strings.Contains(string(got), secret) || strings.Contains(string(got), "root:") {
					t.Errorf("%s %s%s gives a file away:\n%s", method, place, way, got)
				}
				_ = l.conn.Close()
			}
		}
	}
	p.isAlive(t)
}

func hashOf(content string) string {
	sum := sha1.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

// noUTF8 is bytes that no text may have.
const noUTF8 = "\xff\xfe\xc0\xaf"

// TestBytesThatAreNoText sends them wherever a request has room for bytes, to a server that logs and traces every one.
// Contents are kept as they are. JSON, the log and telemetry are text, and must be readable all the same: a collector
// refuses a whole batch for one bad string in it.
func TestBytesThatAreNoText(t *testing.T) {
	t.Parallel()
	receiver := otlpreceiver.Start(t)
	for name, exporter := range protocols(receiver) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := testkit.StartRedis(t)
			service := "bytes-" + name
			p := start(t, append(exporter, "--otel-service-name="+service, "--level=debug", "--log-requests",
				"--cache-server=tcp://"+redis.Addr)...)
			contentsAreKept(t, p)
			requests := odd(p, t)
			_ = connect(t, p.GRPCAddr).Invoke(t.Context(), "/echo.EchoService/"+noUTF8, &echopb.Message{}, &echopb.Message{})
			if code := p.Stop(t, syscall.SIGTERM); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			if !utf8.ValidString(p.Stderr()) {
				t.Error("the log is not text")
			}
			arrived := 0
			for _, span := range receiver.Spans() {
				if serviceOf(span) == service && strings.HasPrefix(span.GetName(), "GET ") {
					arrived++
				}
			}
			if arrived < requests {
				t.Errorf("the collector has spans of %d requests, want %d", arrived, requests)
			}
			for _, failed := range []string{"telemetry export failed", "telemetry not flushed"} {
				if lines := p.logged(failed); len(lines) > 0 {
					t.Errorf("the log says: %v", lines)
				}
			}
		})
	}
}

// contentsAreKept sends the bytes as bodies.
func contentsAreKept(t *testing.T, p *podinfo) {
	t.Helper()
	if got := p.send(t, http.MethodPost, "/echo", noUTF8); got.body != noUTF8 {
		t.Errorf("the echo is %q", got.body)
	}
	if got := p.send(t, http.MethodPost, "/store", noUTF8); got.status != http.StatusAccepted {
		t.Errorf("POST /store: status %d", got.status)
	}
	if got := p.get(t, "/store/"+hashOf(noUTF8)); got.body != noUTF8 {
		t.Errorf("the store has %q", got.body)
	}
	key := "/cache/" + url.PathEscape(noUTF8)
	if got := p.send(t, http.MethodPut, key, noUTF8); got.status != http.StatusAccepted {
		t.Errorf("PUT %s: status %d", key, got.status)
	}
	if got := p.get(t, key); got.body != noUTF8 {
		t.Errorf("the cache has %q", got.body)
	}
	token := struct{ Token string }{}
	got := p.send(t, http.MethodPost, "/token", noUTF8)
	if err := json.Unmarshal([]byte(got.body), &token); err != nil || !utf8.ValidString(got.body) {
		t.Errorf("POST /token answers %q, want JSON: %v", got.body, err)
	}
	got = p.send(t, http.MethodGet, "/token/validate", "", "Authorization", "Bearer "+token.Token)
	if got.status != http.StatusOK || !utf8.ValidString(got.body) {
		t.Errorf("GET /token/validate answers %d %q", got.status, got.body)
	}
}

// odd sends the bytes in heads of requests, with each of which comes an answer, and returns how many those were.
func odd(p *podinfo, t *testing.T) (requests int) {
	t.Helper()
	field := func(name string) string { return name + ": " + noUTF8 }
	for _, request := range []string{
		head("GET", "/headers", field("User-Agent")),
		head("GET", "/headers", field("Traceparent"), field("Tracestate"), field("Baggage")),
		head("GET", "/headers", field("B3"), field("Uber-Trace-Id"), field("X-Amzn-Trace-Id"), field("Ot-Tracer-Traceid")),
		head("GET", "/headers", "Baggage: key=%ff%fe", "Uberctx-Key: %ff%fe", "Ot-Baggage-Key: "+noUTF8),
		head("GET", "/cache/%ff%fe"), head("GET", "/cache/"+noUTF8), head("GET", "/cache/%ff?query="+noUTF8),
		head("GET", "/store/"+noUTF8), head("GET", "/store/%ff"), head("GET", "/swagger/"+noUTF8),
		head("GET", "/token/validate", "Authorization: Bearer "+noUTF8),
		"GET /version HTTP/1.1\r\nHost: %ff\r\n\r\n",
	} {
		l := p.dial(t)
		l.say(request)
		got, err := l.hear("GET")
		if err != nil {
			t.Errorf("no answer to %q: %v", request, err)
			continue
		}
		if strings.HasPrefix(got.header.Get("Content-Type"), "application/json") && !utf8.ValidString(got.body) {
			t.Errorf("the answer to %q is not text: %q", request, got.body)
		}
		requests++
	}
	return requests
}

// TestBadTokens presents what is no token. What the library can say about it, the tests of the package know; here it
// is that size and depth do no harm.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	p := start(t, "--level=debug", "--log-requests")
	encode := base64.RawURLEncoding.EncodeToString
	hs256 := encode([]byte(`{"alg":"HS256","typ":"JWT"}`))
	claims := encode([]byte(`{"name":"x","iss":"podinfo","exp":99999999999}`))
	for name, token := range map[string]string{
		"huge noise":          strings.Repeat("a", 512<<10),
		"huge claims":         hs256 + "." + encode([]byte(`{"name":"`+strings.Repeat("a", 300<<10)+`"}`)) + ".AAAA",
		"deep claims":         hs256 + "." + encode([]byte(strings.Repeat("[", 100<<10))) + ".AAAA",
		"many dots":           strings.Repeat(".", 512<<10),
		"no algorithm":        encode([]byte(`{"alg":"none"}`)) + "." + claims + ".",
		"other algorithm":     encode([]byte(`{"alg":"RS256"}`)) + "." + claims + ".AAAA",
		"key in the header":   encode([]byte(`{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}`)) + "." + claims + ".AAAA",
		"path in the header":  encode([]byte(`{"alg":"HS256","kid":"../../../../dev/null"}`)) + "." + claims + ".AAAA",
		"no signature":        hs256 + "." + claims + ".",
		"number out of range": hs256 + "." + encode([]byte(`{"iss":"podinfo","exp":1e400}`)) + ".AAAA",
		"not JSON":            encode([]byte("{")) + "." + encode([]byte("\xff")) + ".AAAA",
		"empty":               "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := p.send(t, http.MethodGet, "/token/validate", "", "Authorization", "Bearer "+token)
			if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" || len(got.body) > 1<<10 {
				t.Errorf("status %d, challenge %q, %d bytes; want 401 with a challenge and a short message",
					got.status, got.header.Get("WWW-Authenticate"), len(got.body))
			}
		})
	}
}

// TestWrongProtocol speaks to each port in a way that it does not understand, and hangs up in the middle.
func TestWrongProtocol(t *testing.T) {
	t.Parallel()
	certificate := testkit.NewCertificate(t)
	p := start(t, "--cert-path="+filepath.Dir(certificate.CertFile))
	for _, address := range []string{p.URL, p.SecureURL, p.MetricsURL, "//" + p.GRPCAddr} {
		_, address, _ = strings.Cut(address, "//")
		for _, send := range []string{
			"", "\x00", "\r\n\r\n", "GET / HTTP/1.1\r\n", head("GET", "/version", "Connection: close"),
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
			"\x16\x03\x01\x00\xa5\x01\x00", strings.Repeat("\xde\xad\xbe\xef", 64<<10),
		} {
			for _, reset := range []bool{false, true} {
				l := dial(t, address)
				l.say(send)
				if reset { // Without waiting for what is not sent yet, the kernel tells the server by a reset.
					_ = l.conn.SetLinger(0)
				}
				_ = l.conn.Close()
			}
		}
	}
	p.isAlive(t)
	if got, err := p.try(t, http.MethodGet, p.MetricsURL+"/healthz", ""); err != nil || got.status != http.StatusOK {
		t.Errorf("the metrics port answers %d, %v", got.status, err)
	}
	callEverything(t, p.GRPCAddr)
}
