package adapter_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

func FuzzDetect(f *testing.F) {
	seed(f, restEvent, httpEvent, urlEvent, albEvent, albMultiEvent, `{"Records":[]}`, `null`, ``, `{"a":[{"b":"\"}]"}]`)
	f.Fuzz(func(t *testing.T, payload []byte) {
		kind, err := adapter.Detect(payload)
		var unknown *adapter.UnknownEventError
		if (kind == "") != errors.As(err, &unknown) || unknown == nil && err != nil {
			t.Errorf("Detect says %q, %v", kind, err)
		}
		if unknown != nil && len(unknown.Error()) > 10_000 {
			t.Errorf("the error has %d bytes", len(unknown.Error()))
		}
	})
}

func FuzzRESTAPI(f *testing.F) {
	seed(f, restEvent, `{"httpMethod":"PUT","path":"//a%2","multiValueHeaders":{"Host":["\ud800"]},"requestContext":{}}`)
	fuzzWhole(f)
}

func FuzzHTTPAPI(f *testing.F) {
	seed(f, httpEvent, `{"version":"2.0","rawPath":"*","rawQueryString":"\u0000#",
		"requestContext":{"http":{"method":"GET"}}}`)
	fuzzWhole(f)
}

func FuzzFunctionURL(f *testing.F) {
	seed(f, urlEvent)
	fuzzWhole(f)
}

func FuzzALB(f *testing.F) {
	seed(f, albEvent, albMultiEvent)
	fuzzWhole(f)
}

func FuzzStream(f *testing.F) {
	seed(f, urlEvent, restEvent)
	a := adapter.New(http.HandlerFunc(mirror), adapter.Options{Streaming: true})
	f.Fuzz(func(t *testing.T, payload []byte) {
		answer, err := a.Invoke(t.Context(), payload)
		var unknown *adapter.UnknownEventError
		if errors.As(err, &unknown) {
			return
		}
		if _, streams := answer.(io.Reader); !streams {
			validDocument(t, answer, err)
			return
		}
		if s := streamed(t, answer, err); s.StatusCode < 200 || s.StatusCode > 999 || s.err != nil {
			t.Errorf("the stream is %+v", s)
		}
	})
}

func seed(f *testing.F, events ...string) {
	f.Helper()
	for _, event := range events {
		f.Add([]byte(event))
	}
}

// fuzzWhole wants a document for every event that is an HTTP request.
func fuzzWhole(f *testing.F) {
	f.Helper()
	a := adapter.New(http.HandlerFunc(mirror), adapter.Options{BasePath: "/my"})
	f.Fuzz(func(t *testing.T, payload []byte) {
		answer, err := a.Invoke(t.Context(), payload)
		var unknown *adapter.UnknownEventError
		if errors.As(err, &unknown) {
			return
		}
		validDocument(t, answer, err)
	})
}

func validDocument(t *testing.T, answer any, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		t.Fatalf("the answer is no document: %v", err)
	}
	var d document
	if err := json.Unmarshal(encoded, &d); err != nil {
		t.Fatalf("the document %s: %v", encoded, err)
	}
	if d.StatusCode < 200 || d.StatusCode > 999 || d.header("X-Bad-Request") != "" {
		t.Errorf("the status is %d, the request bad: %q", d.StatusCode, d.header("X-Bad-Request"))
	}
	if d.IsBase64Encoded {
		if _, err := base64.StdEncoding.DecodeString(d.Body); err != nil {
			t.Errorf("the body is not base64: %v", err)
		}
	}
}

// mirror answers with what it was sent, and marks what net/http would never hand to a handler.
func mirror(w http.ResponseWriter, r *http.Request) {
	_, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || r.Body == nil || r.URL.Scheme != "" || r.URL.Host != "" || !strings.HasPrefix(r.URL.Path, "/") {
		w.Header().Set("X-Bad-Request", "yes")
	}
	for name, values := range r.Header {
		for _, value := range values {
			w.Header().Add(name, value)
		}
	}
	w.Header().Del("Content-Length")
	w.Header().Add("Set-Cookie", r.RequestURI)
	w.Header().Add("Set-Cookie", r.Host)
	status := 200
	for _, c := range []byte(r.URL.RawQuery) {
		status = 200 + (status*31+int(c))%800
	}
	w.WriteHeader(status)
	_, _ = io.Copy(w, r.Body)
}
