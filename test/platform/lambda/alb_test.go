package lambda_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
)

func TestALBEvent(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.ALB})
	e := event(t, f, "BREW", "/my//a%2Fb?a=1&a=two%20words&b", http.Header{
		"X-Multi": {"one", "two"}, "Cookie": {"c=1", "d=2"}, "Content-Type": {"text/plain"},
	}, "hello")
	holds(t, e, map[string]any{
		"httpMethod": "BREW", "path": "/my//a%2Fb", "headers.x-multi": "two", "headers.cookie": "d=2",
		"headers.content-length": "5", "headers.x-forwarded-for": "127.0.0.1", "headers.x-forwarded-proto": "http",
		"queryStringParameters.a": "two%20words", "queryStringParameters.b": "",
		"multiValueHeaders": nil, "multiValueQueryStringParameters": nil, "body": "hello", "isBase64Encoded": false,
	})
	arn, _ := at(e, "requestContext.elb.targetGroupArn").(string)
	if !strings.HasPrefix(arn, "arn:aws:elasticloadbalancing:") {
		t.Errorf("the target group is %q", arn)
	}
	e = event(t, f, "GET", "/", nil, "")
	if query, ok := e["queryStringParameters"].(object); !ok || len(query) > 0 || e["body"] != "" {
		t.Errorf("without query and body the event is %v", e)
	}
}

func TestALBMultiValueEvent(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.ALBMultiValue})
	e := event(t, f, "GET", "/?a=1&a=two%20words", http.Header{"X-Multi": {"one", "two"}}, "")
	holds(t, e, map[string]any{
		"headers": nil, "queryStringParameters": nil, "multiValueHeaders.x-multi": []string{"one", "two"},
		"multiValueQueryStringParameters.a": []string{"1", "two%20words"},
	})
}

func TestALBAnswer(t *testing.T) {
	t.Parallel()
	single := start(t, lambda.Options{Shape: lambda.ALB})
	multi := start(t, lambda.Options{Shape: lambda.ALBMultiValue})
	const both = `{"statusCode":201,"statusDescription":"201 Created","headers":{"X-A":"1","Connection":"x"},` +
		`"multiValueHeaders":{"X-A":["2","3"]},"body":"dGVh","isBase64Encoded":true}`
	for f, want := range map[*lambda.Function][]string{single: {"1"}, multi: {"2", "3"}} {
		got := answers(t, f, both)
		if got.status != 201 || got.body != "tea" {
			t.Errorf("answered %d %q", got.status, got.body)
		}
		headers(t, got, http.Header{"X-A": want, "Content-Type": {"application/octet-stream"}})
	}
	for _, c := range []struct {
		name     string
		f        *lambda.Function
		response string
	}{
		{"no headers", single, `{"statusCode":200,"multiValueHeaders":{}}`},
		{"no multi-value headers", multi, `{"statusCode":200,"headers":{},"multiValueHeaders":null}`},
		{"no status", single, `{"headers":{}}`},
		{"no object", single, `"hi"`},
		{"a status beyond 599", single, `{"statusCode":600,"headers":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad(t, answers(t, c.f, c.response), 502)
		})
	}
	large := []byte(`{"do":"large","size":1048577}`)
	bad(t, send(t, "POST", single.URL()+"/", http.Header{"Content-Type": {"text/plain"}}, large), 502)
}

// bad checks for the page of an error.
func bad(t *testing.T, got reply, status int) {
	t.Helper()
	media := got.header.Get("Content-Type")
	if got.status != status || !strings.Contains(got.body, "<center><h1>") || media != "text/html" {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

func TestALBErrors(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.ALB})
	bad(t, send(t, "POST", f.URL()+"/", nil, []byte(`{"do":"fail"}`)), 502)
	bad(t, send(t, "POST", f.URL()+"/", nil, make([]byte, 1<<20+1)), 413)
	bad(t, send(t, "GET", f.URL()+"/", http.Header{"X-Long": {strings.Repeat("x", 16<<10)}}, nil), 400)
	bad(t, send(t, "TRACE", f.URL()+"/", nil, nil), 405)
	bad(t, send(t, "GET", f.URL()+"/", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}, nil), 400)
}
