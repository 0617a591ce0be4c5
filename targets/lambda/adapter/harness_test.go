package adapter_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// document has the fields of all the response documents.
type document struct {
	StatusCode        int
	StatusDescription string
	Headers           map[string]string
	MultiValueHeaders map[string][]string
	Cookies           []string
	Body              string
	IsBase64Encoded   bool
}

// header is the value that a client gets of a header, several joined.
func (d document) header(name string) string {
	var values []string
	for _, spelling := range slices.Sorted(maps.Keys(d.Headers)) {
		if strings.EqualFold(spelling, name) {
			values = append(values, d.Headers[spelling])
		}
	}
	return strings.Join(append(values, d.MultiValueHeaders[name]...), ", ")
}

// bytes is the body that a client gets.
func (d document) bytes(t *testing.T) string {
	t.Helper()
	if !d.IsBase64Encoded {
		return d.Body
	}
	body, err := base64.StdEncoding.DecodeString(d.Body)
	if err != nil {
		t.Fatalf("the body of the document is not base64: %v", err)
	}
	return string(body)
}

// invoke answers one event with a handler, and fails the test for an answer that is no document.
func invoke(t *testing.T, h http.HandlerFunc, o adapter.Options, payload string) document {
	t.Helper()
	return invokeOn(t, adapter.New(h, o), payload)
}

func invokeOn(t *testing.T, a *adapter.Adapter, payload string) document {
	t.Helper()
	answer, err := a.Invoke(t.Context(), json.RawMessage(payload))
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		t.Fatalf("the answer is no document: %v", err)
	}
	if strings.Contains(string(encoded), "null") {
		t.Errorf("the document has a null: %s", encoded)
	}
	var d document
	if err := json.Unmarshal(encoded, &d); err != nil {
		t.Fatalf("the document %s: %v", encoded, err)
	}
	return d
}

// served is what a handler saw of a request.
type served struct {
	*http.Request
	body string
}

// capture serves an event and returns the request that it became.
func capture(t *testing.T, o adapter.Options, payload string) served {
	t.Helper()
	var s served
	answered := invoke(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the body: %v", err)
		}
		s = served{r, string(body)}
	}, o, payload)
	if s.Request == nil {
		t.Fatalf("the handler was not asked; the answer was %+v", answered)
	}
	return s
}

// request is what an event must become, field by field.
type request struct {
	method, host, uri, path, rawPath, query, remote, body string
	header                                                http.Header
}

func (want request) check(t *testing.T, got served) {
	t.Helper()
	for _, field := range []struct{ name, got, want string }{
		{"Method", got.Method, want.method},
		{"Host", got.Host, want.host},
		{"RequestURI", got.RequestURI, want.uri},
		{"URL.Path", got.URL.Path, want.path},
		{"URL.RawPath", got.URL.RawPath, want.rawPath},
		{"URL.RawQuery", got.URL.RawQuery, want.query},
		{"URL.Scheme", got.URL.Scheme, ""},
		{"URL.Host", got.URL.Host, ""},
		{"Proto", got.Proto, "HTTP/1.1"},
		{"RemoteAddr", got.RemoteAddr, want.remote},
		{"body", got.body, want.body},
	} {
		if field.got != field.want {
			t.Errorf("%s is %q, want %q", field.name, field.got, field.want)
		}
	}
	if got.ContentLength != int64(len(want.body)) {
		t.Errorf("ContentLength is %d, want %d", got.ContentLength, len(want.body))
	}
	if len(got.TransferEncoding) != 0 || got.TLS != nil || got.GetBody != nil {
		t.Errorf("TransferEncoding %v, TLS %v and GetBody are a client's", got.TransferEncoding, got.TLS)
	}
	if !maps.EqualFunc(got.Header, want.header, slices.Equal) {
		t.Errorf("Header is %v, want %v", got.Header, want.header)
	}
}

// eventOf writes an event of a kind; the tests of what all kinds have in common go through all of them.
type eventOf func(method, path, query string) string

func kinds() map[adapter.Kind]eventOf {
	requestContext := func(domain string) eventOf {
		return func(method, path, query string) string {
			return encode(map[string]any{
				"version": "2.0", "rawPath": path, "rawQueryString": query, "headers": map[string]any{"host": "example.com"},
				"requestContext": map[string]any{
					"domainName": domain, "stage": "$default",
					"http": map[string]any{"method": method, "path": path, "sourceIp": "192.0.2.1"},
				},
			})
		}
	}
	loadBalancer := map[string]any{"elb": map[string]any{
		"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/podinfo/6d0ecf831eec9f09",
	}}
	return map[adapter.Kind]eventOf{
		adapter.HTTPAPI:     requestContext("id.execute-api.eu-central-1.amazonaws.com"),
		adapter.FunctionURL: requestContext("id.lambda-url.eu-central-1.on.aws"),
		adapter.RESTAPI: func(method, path, _ string) string {
			return encode(map[string]any{
				"httpMethod": method, "path": path, "headers": nil, "multiValueHeaders": nil,
				"queryStringParameters": nil, "multiValueQueryStringParameters": nil, "body": nil,
				"requestContext": map[string]any{"stage": "prod", "identity": map[string]any{"sourceIp": "192.0.2.1"}},
			})
		},
		adapter.ALB: func(method, path, _ string) string {
			return encode(map[string]any{
				"httpMethod": method, "path": path, "headers": map[string]any{"host": "example.com"}, "body": "",
				"requestContext": loadBalancer,
			})
		},
		adapter.ALBMultiValue: func(method, path, _ string) string {
			return encode(map[string]any{
				"httpMethod": method, "path": path, "multiValueHeaders": map[string]any{"host": []string{"example.com"}},
				"body": "", "requestContext": loadBalancer,
			})
		},
	}
}

func encode(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and maps
	}
	return string(encoded)
}

// eachKind runs a test for every kind of event.
func eachKind(t *testing.T, test func(t *testing.T, event eventOf)) {
	t.Helper()
	for kind, event := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, event)
		})
	}
}

// stream is an answer that was streamed.
type stream struct {
	document
	rest string
	err  error
}

// streamed reads a streamed answer to its end.
func streamed(t *testing.T, answer any, err error) stream {
	t.Helper()
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	reader, ok := answer.(io.ReadCloser)
	if !ok {
		t.Fatalf("the answer is a %T, want a stream", answer)
	}
	defer func() { _ = reader.Close() }()
	all, err := io.ReadAll(reader)
	prelude, rest, found := strings.Cut(string(all), "\x00\x00\x00\x00\x00\x00\x00\x00")
	if !found {
		t.Fatalf("the stream %q has no eight zero bytes", all)
	}
	s := stream{rest: rest, err: err}
	if err := json.Unmarshal([]byte(prelude), &s.document); err != nil {
		t.Fatalf("the stream's beginning %q: %v", prelude, err)
	}
	return s
}

// openStream answers the event of a function URL with a stream, for the test to read.
func openStream(ctx context.Context, t *testing.T, h http.HandlerFunc, o adapter.Options) io.ReadCloser {
	t.Helper()
	o.Streaming = true
	answer, err := adapter.New(h, o).Invoke(ctx, json.RawMessage(urlEvent))
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	reader, ok := answer.(io.ReadCloser)
	if !ok {
		t.Fatalf("the answer is a %T, want a stream", answer)
	}
	return reader
}

// checkError wants the API's error object.
func checkError(t *testing.T, status int, body string, want int) {
	t.Helper()
	var object struct {
		Code    int
		Message string
	}
	err := json.Unmarshal([]byte(body), &object)
	if err != nil || object.Code != want || object.Message == "" || status != want {
		t.Errorf("status %d with %q, want %d with its error object", status, body, want)
	}
	if !utf8.ValidString(object.Message) {
		t.Errorf("the message %q is no text", object.Message)
	}
}
