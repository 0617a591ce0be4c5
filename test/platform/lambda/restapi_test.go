package lambda_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
)

// object is decoded JSON.
type object = map[string]any

// event sends a request and returns the event that came of it. The event is the body of the answer; a streamed URL
// takes the whole response for the body.
func event(t *testing.T, f *lambda.Function, method, path string, header http.Header, body string) object {
	t.Helper()
	got := send(t, method, f.URL()+path, header, []byte(body))
	if got.status != 200 {
		t.Fatalf("%s %s answered %d %s", method, path, got.status, got.body)
	}
	e := decode[object](t, got.body)
	if inner, whole := e["body"].(string); whole && e["statusCode"] != nil {
		return decode[object](t, inner)
	}
	return e
}

// at returns what is in an event under a path such as requestContext.http.method.
func at(e object, path string) any {
	var v any = e
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(object)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// holds compares parts of an event.
func holds(t *testing.T, e object, want map[string]any) {
	t.Helper()
	for path, value := range want {
		if got := at(e, path); !same(got, value) {
			t.Errorf("%s is %#v, not %#v", path, got, value)
		}
	}
}

func same(got, want any) bool {
	list, ok := want.([]string)
	if !ok {
		return got == want
	}
	values, ok := got.([]any)
	if !ok || len(values) != len(list) {
		return false
	}
	for i := range list {
		if values[i] != list[i] {
			return false
		}
	}
	return true
}

func TestRESTEvent(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.RESTAPI, Stage: "test"})
	if !strings.HasSuffix(f.URL(), "/test") {
		t.Errorf("the URL is %s", f.URL())
	}
	e := event(t, f, "POST", "/my/%70ath%20x?a=1&a=two%20words&b=%C3%A4;c=3&d", http.Header{
		"X-Multi": {"one", "two"}, "User-Agent": {"probe"}, "Host": {"api.example"}, "Connection": {"X-Secret"},
		"X-Secret": {"x"}, "X-Forwarded-For": {"192.0.2.1"},
	}, "hello")
	holds(t, e, map[string]any{
		"resource": "/{proxy+}", "path": "/my/%70ath%20x", "httpMethod": "POST", "pathParameters.proxy": "my/%70ath%20x",
		"headers.X-Multi": "two", "multiValueHeaders.X-Multi": []string{"one", "two"}, "headers.Host": "api.example",
		"headers.X-Forwarded-For": "192.0.2.1, 127.0.0.1", "headers.X-Forwarded-Proto": "http",
		"headers.X-Forwarded-Port": "80", "headers.X-Secret": nil, "headers.Connection": nil,
		"queryStringParameters.a": "two words", "multiValueQueryStringParameters.a": []string{"1", "two words"},
		"queryStringParameters.b": "ä", "queryStringParameters.c": "3", "queryStringParameters.d": "",
		"isBase64Encoded": true, "body": base64.StdEncoding.EncodeToString([]byte("hello")), "stageVariables": nil,
		"requestContext.stage": "test", "requestContext.path": "/test/my/%70ath%20x",
		"requestContext.resourcePath": "/{proxy+}", "requestContext.httpMethod": "POST",
		"requestContext.protocol": "HTTP/1.1", "requestContext.accountId": lambda.AccountID,
		"requestContext.identity.sourceIp": "127.0.0.1", "requestContext.identity.userAgent": "probe",
		"requestContext.identity.user": nil,
	})
	domain, _ := at(e, "requestContext.domainName").(string)
	if !strings.HasSuffix(domain, ".execute-api.us-east-1.amazonaws.com") {
		t.Errorf("the domain is %q", domain)
	}
	if _, err := time.Parse("02/Jan/2006:15:04:05 -0700", at(e, "requestContext.requestTime").(string)); err != nil {
		t.Error(err)
	}
}

func TestRESTEventOfTheRoot(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.RESTAPI})
	for _, path := range []string{"", "/"} {
		holds(t, event(t, f, "GET", path, nil, ""), map[string]any{
			"resource": "/", "path": "/", "pathParameters": nil, "queryStringParameters": nil,
			"multiValueQueryStringParameters": nil, "body": nil, "isBase64Encoded": false,
		})
	}
}

func TestRESTAnswer(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.RESTAPI})
	t.Run("a whole one", func(t *testing.T) {
		got := answers(t, f, `{"statusCode":418,"headers":{"X-A":"1","X-B":2,"WWW-Authenticate":"Basic","Connection":"close",
			"Content-Length":"99"},"multiValueHeaders":{"X-A":["1","3"],"Set-Cookie":["a=1","b=2"]},
			"body":"dGVh","isBase64Encoded":true}`)
		if got.status != 418 || got.body != "tea" {
			t.Errorf("answered %d %q", got.status, got.body)
		}
		headers(t, got, http.Header{
			"X-A": {"1", "3"}, "X-B": {"2"}, "Set-Cookie": {"a=1", "b=2"}, "Www-Authenticate": nil,
			"X-Amzn-Remapped-Www-Authenticate": {"Basic"}, "Content-Length": {"3"}, "Content-Type": {"application/json"},
		})
	})
	for name, response := range map[string]string{
		"no object":           `"hello"`,
		"nothing":             `null`,
		"no status":           `{"body":"x"}`,
		"an unknown key":      `{"statusCode":200,"cookies":[]}`,
		"a body of no text":   `{"statusCode":200,"body":{}}`,
		"no base64":           `{"statusCode":200,"body":"?","isBase64Encoded":true}`,
		"an early status":     `{"statusCode":103}`,
		"a status beyond 599": `{"statusCode":799}`,
		"a list as a header":  `{"statusCode":200,"headers":{"X-A":["1"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := answers(t, f, response)
			if got.status != 502 || got.body != `{"message":"Internal server error"}` {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}

func headers(t *testing.T, got reply, want http.Header) {
	t.Helper()
	for name, values := range want {
		if strings.Join(got.header[name], "|") != strings.Join(values, "|") {
			t.Errorf("%s is %q, not %q", name, got.header[name], values)
		}
	}
}

func TestRESTErrors(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.RESTAPI})
	origin := strings.TrimSuffix(f.URL(), "/prod")
	for _, c := range []struct {
		name, method, url, body string
		status                  int
		answer                  string
	}{
		{"a function that fails", "POST", f.URL() + "/", `{"do":"fail"}`, 502, `{"message":"Internal server error"}`},
		{"no stage", "GET", origin + "/production/x", "", 403, `{"message":"Forbidden"}`},
		{"a method of one's own", "BREW", f.URL() + "/", "", 403, `{"message":"Missing Authentication Token"}`},
		{"more than the API takes", "POST", f.URL() + "/", strings.Repeat("x", 10<<20+1), 413, "HTTP content length"},
		{"more than Lambda takes", "POST", f.URL() + "/", strings.Repeat("x", 5<<20), 413, "message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, c.method, c.url, nil, []byte(c.body))
			if got.status != c.status || !strings.Contains(got.body, c.answer) {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}

// The limit is for all headers together.
func TestLongHeaders(t *testing.T) {
	t.Parallel()
	for _, shape := range []lambda.Shape{lambda.RESTAPI, lambda.HTTPAPI} {
		t.Run(shape.Slug(), func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{Shape: shape})
			long := strings.Repeat("x", 6000)
			if got := send(t, "GET", f.URL()+"/", http.Header{"X-A": {long}, "X-B": {long}}, nil); got.status != 431 {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			if got := send(t, "GET", f.URL()+"/", http.Header{"X-A": {long}}, nil); got.status != 200 {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}

// The gateway does not wait for as long as the function may run.
func TestIntegrationTimeout(t *testing.T) {
	t.Parallel()
	for shape, want := range map[lambda.Shape]reply{
		lambda.RESTAPI: {status: 504, body: `{"message":"Endpoint request timed out"}`},
		lambda.HTTPAPI: {status: 503, body: `{"message":"Service Unavailable"}`},
	} {
		t.Run(shape.Slug(), func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{Shape: shape, IntegrationTimeout: 200 * time.Millisecond})
			g := newGate(t)
			body := `{"do":"stream","plain":true,"parts":["x"],"gate":"` + g.URL + `"}`
			got := send(t, "POST", f.URL()+"/", nil, []byte(body))
			if got.status != want.status || got.body != want.body {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			g.await(t) // the function runs on
			g.open(t)
		})
	}
}

func TestHEAD(t *testing.T) {
	t.Parallel()
	for _, shape := range lambda.Shapes() {
		t.Run(shape.Slug(), func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{Shape: shape})
			if got := send(t, "HEAD", f.URL()+"/x", nil, nil); got.status != 200 || got.body != "" {
				t.Errorf("answered %d %q", got.status, got.body)
			}
		})
	}
}

// A trace goes on through the front door, with Lambda's own segment as the parent.
func TestTrace(t *testing.T) {
	t.Parallel()
	const root = "1-67891233-abcdef012345678912345678"
	for _, shape := range lambda.Shapes() {
		t.Run(shape.Slug(), func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{Shape: shape})
			incoming := http.Header{"X-Amzn-Trace-Id": {"Root=" + root + ";Parent=463ac35c9f6413ad;Sampled=0"}}
			e := event(t, f, "GET", "/x", incoming, "")
			text := string(encode(t, e))
			if !strings.Contains(text, "Root="+root) {
				t.Errorf("the event has no trace: %s", text)
			}
			fresh := string(encode(t, event(t, f, "GET", "/x", nil, "")))
			if !strings.Contains(fresh, `Root=1-`) || strings.Contains(fresh, root) {
				t.Errorf("the event has no trace of its own: %s", fresh)
			}
		})
	}
}
