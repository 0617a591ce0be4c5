package lambda_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
)

func TestURLEvent(t *testing.T) {
	t.Parallel()
	for _, shape := range []lambda.Shape{lambda.FunctionURL, lambda.FunctionURLStream} {
		t.Run(shape.Slug(), func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{Shape: shape})
			e := event(t, f, "PUT", "/my//a%2Fb%3Fc?a=1&a=%20", http.Header{"Cookie": {"c=1"}}, "")
			holds(t, e, map[string]any{
				"version": "2.0", "routeKey": "$default", "rawPath": "/my//a%2Fb%3Fc", "rawQueryString": "a=1&a=%20",
				"queryStringParameters.a": "1, ", "cookies": []string{"c=1"}, "requestContext.stage": "$default",
				"requestContext.http.method": "PUT", "requestContext.http.path": "/my//a%2Fb%3Fc",
				"isBase64Encoded": false,
			})
			domain, _ := at(e, "requestContext.domainName").(string)
			prefix, rest, _ := strings.Cut(domain, ".")
			if rest != "lambda-url.us-east-1.on.aws" || prefix != at(e, "requestContext.domainPrefix") {
				t.Errorf("the domain is %q", domain)
			}
		})
	}
}

func TestURLAnswer(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.FunctionURL})
	got := answers(t, f, `{"statusCode":401,"headers":{"WWW-Authenticate":"Basic"},"cookies":["a=1"],"body":"no"}`)
	if got.status != 401 || got.body != "no" {
		t.Errorf("answered %d %q", got.status, got.body)
	}
	headers(t, got, http.Header{
		"Set-Cookie": {"a=1"}, "X-Amzn-Remapped-Www-Authenticate": {"Basic"}, "Content-Type": {"application/json"},
	})
	for name, body := range map[string]string{
		"a function that fails":       `{"do":"fail"}`,
		"a response that is no JSON":  `{"do":"stream","plain":true,"parts":["{"]}`,
		"a stream to whom wants none": `{"do":"stream","parts":["x"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, "POST", f.URL()+"/", http.Header{"Content-Type": {"application/json"}}, []byte(body))
			if got.status != 502 || got.body != "Internal Server Error" {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
	if got := send(t, "POST", f.URL()+"/", nil, make([]byte, 6_291_557)); got.status != 413 {
		t.Errorf("a body that is too large was answered %d", got.status)
	}
	if got := send(t, "BREW", f.URL()+"/", nil, nil); got.status != 405 {
		t.Errorf("a method of one's own was answered %d", got.status)
	}
}

// stream asks the function for a streamed answer and returns it as soon as its head is there.
func stream(t *testing.T, f *lambda.Function, wish string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t), http.MethodPost, f.URL()+"/", bytes.NewBufferString(wish))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// Each part is at the client before the function writes the next one.
func TestStreamedAnswer(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.FunctionURLStream})
	g := newGate(t)
	answer := stream(t, f, `{"do":"stream","parts":["one","two"],"gate":"`+g.URL+`"}`)
	if media := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusCreated || media != "text/plain" {
		t.Errorf("answered %d %v", answer.StatusCode, answer.Header)
	}
	if got := answer.Header.Get("X-Part"); got != "1" {
		t.Errorf("X-Part is %q", got)
	}
	if got := answer.Header.Values("Set-Cookie"); strings.Join(got, "|") != "a=1|b=2" {
		t.Errorf("the cookies are %q", got)
	}
	for _, part := range []string{"one", "two"} {
		got := make([]byte, len(part))
		if _, err := io.ReadFull(answer.Body, got); err != nil || string(got) != part {
			t.Fatalf("read %q, %v", got, err)
		}
		g.await(t)
		g.open(t)
	}
	if rest, err := io.ReadAll(answer.Body); err != nil || len(rest) > 0 {
		t.Errorf("%q follows, %v", rest, err)
	}
}

func TestStreamedAnswerWithoutPrelude(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.FunctionURLStream})
	answer := stream(t, f, `{"do":"stream","plain":true,"parts":["one"]}`)
	body, err := io.ReadAll(answer.Body)
	if err != nil || string(body) != "one" || answer.StatusCode != http.StatusOK {
		t.Errorf("answered %d %q, %v", answer.StatusCode, body, err)
	}
	if media := answer.Header.Get("Content-Type"); media != "application/octet-stream" {
		t.Errorf("the type is %q", media)
	}
}

// The client of an answer that breaks off does not take it for a whole one.
func TestStreamedAnswerBreaksOff(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"error", "exit"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{Shape: lambda.FunctionURLStream})
			g := newGate(t)
			answer := stream(t, f, `{"do":"stream","parts":["one"],"fail":"`+how+`","gate":"`+g.URL+`"}`)
			got := make([]byte, 3)
			if _, err := io.ReadFull(answer.Body, got); err != nil {
				t.Fatal(err)
			}
			g.await(t)
			g.open(t)
			if rest, err := io.ReadAll(answer.Body); err == nil {
				t.Errorf("the answer ended well with %q", rest)
			}
		})
	}
}

// A client who hangs up neither ends nor blocks the function.
func TestClientLeavesAStream(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.FunctionURLStream})
	g := newGate(t)
	answer := stream(t, f, `{"do":"stream","parts":["one","`+strings.Repeat("x", 1<<20)+`"],"gate":"`+g.URL+`"}`)
	g.await(t)
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	g.open(t)
	g.await(t)
	g.open(t)
	describe(t, f)
	if got := f.ColdStarts(); got != 1 {
		t.Errorf("%d environments were started, not 1", got)
	}
}
