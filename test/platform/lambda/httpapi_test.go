package lambda_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
)

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHTTPEvent(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.HTTPAPI, Stage: "v1"})
	if !strings.HasSuffix(f.URL(), "/v1") {
		t.Errorf("the URL is %s", f.URL())
	}
	e := event(t, f, "POST", "/my/a%2Fb%3Fc?a=1&a=two%20words&b=", http.Header{
		"X-Multi": {"one", "two"}, "User-Agent": {"probe"}, "Host": {"api.example"}, "Cookie": {"c=1; d=2", "e=3"},
		"Content-Type": {"text/plain"},
	}, "hellö")
	holds(t, e, map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": "/v1/my/a/b", "rawQueryString": "a=1&a=two%20words&b=",
		"cookies": []string{"c=1", "d=2", "e=3"}, "headers.x-multi": "one,two", "headers.host": "api.example",
		"headers.cookie": nil, "headers.content-length": "6", "headers.x-forwarded-for": "127.0.0.1",
		"headers.x-forwarded-proto": "http", "queryStringParameters.a": "1,two words", "queryStringParameters.b": "",
		"requestContext.accountId": lambda.AccountID, "requestContext.stage": "v1",
		"requestContext.routeKey": "$default", "requestContext.http.method": "POST",
		"requestContext.http.path": "/v1/my/a/b", "requestContext.http.protocol": "HTTP/1.1",
		"requestContext.http.sourceIp": "127.0.0.1", "requestContext.http.userAgent": "probe",
		"body": "hellö", "isBase64Encoded": false,
	})
	domain, _ := at(e, "requestContext.domainName").(string)
	if !strings.HasSuffix(domain, ".execute-api.us-east-1.amazonaws.com") {
		t.Errorf("the domain is %q", domain)
	}
}

func TestHTTPEventOfTheDefaultStage(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.HTTPAPI})
	e := event(t, f, "GET", "/x", nil, "")
	holds(t, e, map[string]any{
		"rawPath": "/x", "rawQueryString": "", "requestContext.stage": "$default", "isBase64Encoded": false,
	})
	for _, absent := range []string{"body", "cookies", "queryStringParameters"} {
		if _, there := e[absent]; there {
			t.Errorf("the event has %s", absent)
		}
	}
}

// Bodies that are no text travel in base64.
func TestBinaryBodies(t *testing.T) {
	t.Parallel()
	for _, shape := range []lambda.Shape{lambda.HTTPAPI, lambda.FunctionURL, lambda.ALB} {
		t.Run(shape.Slug(), func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{Shape: shape})
			for _, c := range []struct {
				header http.Header
				body   string
				binary bool
			}{
				{http.Header{"Content-Type": {"application/json; charset=utf-8"}}, "{}", false},
				{http.Header{"Content-Type": {"Text/HTML"}}, "x", false},
				{http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "a=1", true},
				{http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}}, "x", true},
				{http.Header{"Content-Type": {"text/plain"}}, "\xff", true},
				{nil, "x", true},
			} {
				e := event(t, f, "POST", "/", c.header, c.body)
				if e["isBase64Encoded"] != c.binary {
					t.Errorf("%q with %v: isBase64Encoded is %v", c.body, c.header, e["isBase64Encoded"])
				}
			}
		})
	}
}

func TestHTTPAnswer(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.HTTPAPI})
	const failed, text = `{"message":"Internal Server Error"}`, "text/plain;charset=UTF-8"
	for _, c := range []struct {
		name, response string
		status         int
		body, media    string
	}{
		{"JSON without a status is the body", `{"message":"hi"}`, 200, `{"message":"hi"}`, "application/json"},
		{"a text is JSON, too", `"hi"`, 200, `"hi"`, "application/json"},
		{"a response without a type is text", `{"statusCode":201,"body":"hi"}`, 201, "hi", text},
		{"a type counts", `{"statusCode":404,"headers":{"content-type":"text/x"},"body":"no"}`, 404, "no", "text/x"},
		{"base64 is decoded", `{"statusCode":200,"body":"dGVh","isBase64Encoded":true}`, 200, "tea", text},
		{"a status of no number", `{"statusCode":"many"}`, 500, failed, "application/json"},
		{"no base64", `{"statusCode":200,"body":"?","isBase64Encoded":true}`, 500, failed, "application/json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := answers(t, f, c.response)
			if got.status != c.status || got.body != c.body || got.header.Get("Content-Type") != c.media {
				t.Errorf("answered %d %s %q", got.status, got.header.Get("Content-Type"), got.body)
			}
		})
	}
	got := answers(t, f, `{"statusCode":200,"cookies":["a=1","b=2"],"headers":{"Date":"then","X-A":"1,2"}}`)
	headers(t, got, http.Header{"Set-Cookie": {"a=1", "b=2"}, "X-A": {"1,2"}, "Date": {"then"}})
}

func TestHTTPErrors(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.HTTPAPI, Stage: "v1"})
	origin := strings.TrimSuffix(f.URL(), "/v1")
	for _, c := range []struct {
		name, method, url, body string
		status                  int
		answer                  string
	}{
		{"a function that fails", "POST", f.URL() + "/", `{"do":"panic"}`, 500, `{"message":"Internal Server Error"}`},
		{"no stage", "GET", origin + "/x", "", 404, `{"message":"Not Found"}`},
		{"a method of one's own", "BREW", f.URL() + "/", "", 404, `{"message":"Not Found"}`},
		{"too much", "POST", f.URL() + "/", strings.Repeat("x", 10<<20+1), 413, `{"message":"Request Entity Too Large"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, c.method, c.url, nil, []byte(c.body))
			if got.status != c.status || got.body != c.answer {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}
