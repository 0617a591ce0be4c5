package adapter_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// TestAsNetHTTP answers with net/http's own server and through every kind of event: what a client sees must be the
// same.
func TestAsNetHTTP(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"nothing written": func(http.ResponseWriter, *http.Request) {},
		"first WriteHeader counts": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
		},
		"interim answers are dropped": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
		},
		"header after WriteHeader": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Early", "yes")
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X-Late", "yes")
			w.Header().Add("X-Early", "again")
		},
		"header after Write": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Late", "yes")
		},
		"type sniffed as HTML": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"type sniffed from several writes": func(w http.ResponseWriter, _ *http.Request) {
			for _, c := range "<html>" {
				_, _ = io.WriteString(w, string(c))
			}
		},
		"type sniffed as an image": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "\x89PNG\x0D\x0A\x1A\x0A\x00\xff")
		},
		"type not wanted": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "<html>")
		},
		"type not sniffed from what is encoded": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8b\x08")
		},
		"204": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			if _, err := io.WriteString(w, "body"); !errors.Is(err, http.ErrBodyNotAllowed) {
				panic("Write must fail")
			}
		},
		"304": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
		},
		"status 599": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(599) },
		"binary of a text type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "a\xffb")
		},
		"text of a binary type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = io.WriteString(w, "text")
		},
		"control characters": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\x00\x01\u2028\"\\") },
		"Content-Length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			_, _ = io.WriteString(w, "body")
			if _, err := io.WriteString(w, "more"); !errors.Is(err, http.ErrContentLength) {
				panic("Write must fail")
			}
		},
		"header values with line breaks": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Split", "a\r\nX-Injected: yes")
		},
		"header names that are none": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X Bad:", "yes") },
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				want := fromServer(t, h, method)
				eachKind(t, func(t *testing.T, event eventOf) {
					t.Helper()
					compare(t, invoke(t, h, adapter.Options{}, event(method, "/x", "")), want, method)
				})
			})
		}
	}
}

// reference is what a client of net/http's server gets.
type reference struct {
	status int
	header http.Header
	body   string
}

func fromServer(t *testing.T, h http.Handler, method string) reference {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of what some handlers do wrong on purpose
	server.Start()
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableCompression: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reference{response.StatusCode, response.Header, string(body)}
}

func compare(t *testing.T, d document, want reference, method string) {
	t.Helper()
	names := []string{"Content-Type", "Content-Encoding", "Etag", "X-Early", "X-Late", "X-Split", "X-Injected", "X Bad:"}
	if method == http.MethodHead {
		names = append(names, "Content-Length") // of others the front door counts the body
	}
	for _, name := range names {
		if got, want := d.header(name), strings.Join(want.header[name], ", "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := d.bytes(t); d.StatusCode != want.status || got != want.body {
		t.Errorf("status %d with %q, want %d with %q", d.StatusCode, got, want.status, want.body)
	}
}

func TestBodyEncoding(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		contentType, encoding, body string
		base64                      bool
	}{
		{"application/json; charset=utf-8", "", `{"ä":1}`, false},
		{"application/problem+json", "", `{}`, false},
		{"image/svg+xml", "", "<svg/>", false},
		{"text/HTML", "", "<p>", false},
		{"application/x-www-form-urlencoded", "", "a=b", false},
		{"application/javascript", "", "1", false},
		{"application/octet-stream", "", "text", true},
		{"image/png", "", "text", true},
		{"text/plain; charset=iso-8859-1", "", "\xe4", true},
		{"application/json", "gzip", "{}", true},
		{"application/octet-stream", "", "", false},
	} {
		d := invoke(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.contentType)
			w.Header().Set("Content-Encoding", test.encoding)
			_, _ = io.WriteString(w, test.body)
		}, adapter.Options{}, urlEvent)
		if d.IsBase64Encoded != test.base64 || d.bytes(t) != test.body {
			t.Errorf("%q of type %q %q is %q, base64 %v, want %v",
				test.body, test.contentType, test.encoding, d.Body, d.IsBase64Encoded, test.base64)
		}
	}
}

// What is between the platform and its client is not the handler's: the connection, the framing, the trailers.
func TestHopByHopHeadersStay(t *testing.T) {
	t.Parallel()
	d := invoke(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Connection", "Keep-Alive", "Upgrade", "Transfer-Encoding", "Trailer", "X-Kept"} {
			w.Header().Set(name, "chunked")
		}
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	}, adapter.Options{}, urlEvent)
	if len(d.Headers) != 1 || d.Headers["X-Kept"] == "" {
		t.Errorf("the headers are %v, want X-Kept alone", d.Headers)
	}
}

func TestBufferedWriterIsNothingElse(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, event eventOf) {
		t.Helper()
		d := invoke(t, func(w http.ResponseWriter, _ *http.Request) {
			_, flusher := w.(http.Flusher)
			_, hijacker := w.(http.Hijacker)
			if flusher || hijacker {
				t.Errorf("the writer is a Flusher: %v, a Hijacker: %v; it can do neither", flusher, hijacker)
			}
			if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("Flush says %v, want ErrNotSupported", err)
			}
		}, adapter.Options{}, event("GET", "/", ""))
		if d.StatusCode != http.StatusOK || d.Body != "" {
			t.Errorf("the answer is %+v", d)
		}
	})
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	const lambda, alb = 6_291_556, 1_000_000
	for name, test := range map[string]struct {
		kind  adapter.Kind
		body  string
		ctype string
		want  int
	}{
		"text within Lambda's limit":      {adapter.HTTPAPI, strings.Repeat("x", lambda-1000), "text/plain", 200},
		"text over it":                    {adapter.HTTPAPI, strings.Repeat("x", lambda-50), "text/plain", 413},
		"far over it":                     {adapter.FunctionURL, strings.Repeat("x", 3*lambda), "text/plain", 413},
		"over it once escaped":            {adapter.RESTAPI, strings.Repeat("\x00", lambda/4), "text/plain", 413},
		"over it as base64":               {adapter.RESTAPI, strings.Repeat("x", lambda-1000), "image/png", 413},
		"within it as base64":             {adapter.FunctionURL, strings.Repeat("x", lambda/4*3-1000), "image/png", 200},
		"HTML characters are not escaped": {adapter.HTTPAPI, strings.Repeat("<", lambda-1000), "text/plain", 200},
		"within a load balancer's":        {adapter.ALB, strings.Repeat("x", alb-1000), "text/plain", 200},
		"over a load balancer's":          {adapter.ALBMultiValue, strings.Repeat("x", alb), "text/plain", 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := invoke(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.ctype)
				_, _ = io.WriteString(w, test.body)
			}, adapter.Options{}, kinds()[test.kind]("GET", "/", ""))
			if test.want == http.StatusOK {
				if d.StatusCode != http.StatusOK || d.bytes(t) != test.body {
					t.Errorf("status %d with %d bytes, want the body", d.StatusCode, len(d.Body))
				}
				return
			}
			checkError(t, d.StatusCode, d.Body, test.want)
		})
	}
}

// A handler that never stops writing must not fill the memory.
func TestEndlessBodyIsRefused(t *testing.T) {
	t.Parallel()
	d := invoke(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}, adapter.Options{}, urlEvent)
	checkError(t, d.StatusCode, d.Body, http.StatusRequestEntityTooLarge)
}

func TestShortBody(t *testing.T) {
	t.Parallel()
	d := invoke(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "short")
	}, adapter.Options{}, urlEvent)
	checkError(t, d.StatusCode, d.Body, http.StatusInternalServerError)
}

func TestEventThatMakesNoRequest(t *testing.T) {
	t.Parallel()
	for name, event := range map[string]string{
		"method":  `{"httpMethod":"GET /","path":"/","requestContext":{}}`,
		"method2": `{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":""}}}`,
		"base64":  `{"httpMethod":"PUT","path":"/","body":"%%%","isBase64Encoded":true,"requestContext":{"elb":{}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := invoke(t, func(http.ResponseWriter, *http.Request) {
				t.Error("the handler was asked")
			}, adapter.Options{}, event)
			checkError(t, d.StatusCode, d.Body, http.StatusBadRequest)
		})
	}
}

func TestAbsentBodyIsReadable(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, event eventOf) {
		t.Helper()
		got := capture(t, adapter.Options{}, event("DELETE", "/x", ""))
		if got.Body == nil || got.body != "" || got.ContentLength != 0 {
			t.Errorf("body %v %q of %d bytes, want one that is empty", got.Body, got.body, got.ContentLength)
		}
	})
}

// The library lets a variable of the process change the host, and the path, of every request.
func TestLibrarysVariableHasNoSay(t *testing.T) {
	t.Setenv("GO_API_HOST", "http://elsewhere.example/base")
	got := capture(t, adapter.Options{}, urlEvent)
	urlRequest.check(t, got)
}
