package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
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
		{"nobody listens", "http://" + testkit.ClosedAddress(t), nil, "connection refused"},
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
	r := podcli("", "check", "http", "http://me:hunter2@"+testkit.ClosedAddress(t))
	if r.code != 1 || strings.Contains(r.stderr, "hunter2") {
		t.Errorf("exit status %d, and stderr is %q; want 1 and no password", r.code, r.stderr)
	}
}

func TestCheckHTTPContains(t *testing.T) {
	t.Parallel()
	podinfo := testkit.StartPodinfo(t, "PODINFO_UI_MESSAGE=ahoy")
	for _, test := range []struct {
		name, path, text string
		code             int
	}{
		{"in the answer", "/api/info", `"message": "ahoy"`, 0},
		{"nothing asked for, nothing answered", "/status/204", "", 0},
		{"not in the answer", "/api/info", "hello", 1},
		{"not in an empty answer", "/status/204", "hello", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := podinfo.URL + test.path
			want := map[string]any{"address": address, "status code": "*", "response size": "*"}
			if test.code != 0 {
				want["error"] = fmt.Sprintf("the response does not contain %q", test.text)
			}
			wantCheck(t, podcli("", "check", "http", "--contains="+test.text, address), test.code, want)
		})
	}
	t.Run("in the answer of a failure", func(t *testing.T) {
		t.Parallel()
		address := podinfo.URL + "/status/500"
		wantCheck(t, podcli("", "check", "http", "--contains=500", address), 1,
			map[string]any{"address": address, "status code": 500.0})
	})
}

func TestFinderFindsAcrossWrites(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text  string
		parts []string
		want  bool
	}{
		{"needle", []string{"hay needle hay"}, true},
		{"needle", []string{"hay ne", "edle hay"}, true},
		{"needle", []string{"n", "e", "e", "d", "l", "e"}, true},
		{"needle", []string{"needle", "hay", strings.Repeat("hay", 100)}, true},
		{"needle", []string{"needl", "", "x", "eedle"}, false},
		{"n", []string{"hay", "n"}, true},
		{"n", nil, false},
	} {
		f := finder{text: []byte(test.text)}
		for _, part := range test.parts {
			if n, err := f.Write([]byte(part)); n != len(part) || err != nil {
				t.Errorf("writing %q gives %d, %v", part, n, err)
			}
		}
		if f.found != test.want {
			t.Errorf("%q in %q: %t, want %t", test.text, test.parts, f.found, test.want)
		}
		if len(f.end) > len(test.text)-1 && !f.found {
			t.Errorf("%d bytes are kept for a text of %d", len(f.end), len(test.text))
		}
	}
}

func TestCheckHTTPTrust(t *testing.T) {
	t.Parallel()
	cert, other := testkit.NewCertificate(t), testkit.NewCertificate(t)
	podinfo := testkit.StartPodinfo(t, "--cert-path="+filepath.Dir(cert.CertFile))
	address := podinfo.SecureURL + "/healthz"
	healthy := map[string]any{"address": address, "status code": 200.0, "response size": "*"}
	failed := map[string]any{"address": address, "error": "*"}
	for _, test := range []struct {
		name, flag string
		code       int
		want       map[string]any
	}{
		{"the machine's authorities", "--timeout=5s", 1, failed},
		{"this authority", "--ca-file=" + cert.CertFile, 0, healthy},
		{"another authority", "--ca-file=" + other.CertFile, 1, failed},
		{"anybody", "--insecure", 0, healthy},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wantCheck(t, podcli("", "check", "http", test.flag, address), test.code, test.want)
		})
	}
}

// What is wrong with the flags is said at once, and nothing is sent.
func TestChecksRefuseWrongTrust(t *testing.T) {
	t.Parallel()
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"http", "token", "cache"} {
		for want, flags := range map[string][]string{
			"Error: --insecure and --ca-file contradict each other": {"--insecure", "--ca-file=" + noPEM},
			"Error: --ca-file: open /nowhere/ca.pem: no such file":  {"--ca-file=/nowhere/ca.pem"},
			"Error: --ca-file: " + noPEM + " holds no certificate":  {"--ca-file=" + noPEM},
		} {
			t.Run(command+" "+flags[0], func(t *testing.T) {
				t.Parallel()
				r := podcli("", append([]string{"check", command, "https://" + testkit.ClosedAddress(t)}, flags...)...)
				if r.code != 1 || !strings.HasPrefix(r.stderr, want) {
					t.Errorf("exit status %d and %q, want 1 and %q", r.code, r.stderr, want)
				}
			})
		}
	}
}
