package adapter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		event string
		want  adapter.Kind
	}{
		"REST API":                   {restEvent, adapter.RESTAPI},
		"HTTP API":                   {httpEvent, adapter.HTTPAPI},
		"HTTP API, format 1.0":       {strings.Replace(restEvent, "{", `{"version":"1.0",`, 1), adapter.RESTAPI},
		"function URL":               {urlEvent, adapter.FunctionURL},
		"load balancer":              {albEvent, adapter.ALB},
		"load balancer, multi-value": {albMultiEvent, adapter.ALBMultiValue},
		"load balancer, null multi":  {strings.Replace(albEvent, "{", `{"multiValueHeaders":null,`, 1), adapter.ALB},
		"HTTP API, custom domain": {
			strings.ReplaceAll(httpEvent, "id.execute-api.us-east-1.amazonaws.com", "lambda-url.example.com"), adapter.HTTPAPI,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind, err := adapter.Detect(json.RawMessage(test.event))
			if kind != test.want || err != nil {
				t.Errorf("Detect says %q, %v, want %q", kind, err, test.want)
			}
		})
	}
}

func TestUnknownEvent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ event, want string }{
		"scheduled": {
			`{"version":"0","id":"53dc4d37","detail-type":"Scheduled Event","source":"aws.events","detail":{"key":"s3cret"}}`,
			`the event has "version", "id", "detail-type", "source", "detail"`,
		},
		"queue": {`{"Records":[{"body":"s3cret"}]}`, `the event has "Records"`},
		"websocket": {
			`{"headers":{},"requestContext":{"routeKey":"$connect","eventType":"CONNECT"}}`, `"headers", "requestContext"`,
		},
		"2.0 alone": {`{"version":"2.0","routeKey":"s3cret"}`, `"version", "routeKey"`},
		"no path":   {`{"httpMethod":"GET","requestContext":{}}`, `"httpMethod", "requestContext"`},
		"empty":     {`{}`, "the event has no names"},
		"null":      {`null`, "the event has no names"},
		"text":      {`"s3cret"`, "the event has no names"},
		"cut":       {`{"a":1,"b`, `the event has "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := adapter.New(nil, adapter.Options{}).Invoke(t.Context(), json.RawMessage(test.event))
			var unknown *adapter.UnknownEventError
			if answer != nil || !errors.As(err, &unknown) {
				t.Fatalf("Invoke says %v, %v, want an UnknownEventError", answer, err)
			}
			text := err.Error()
			if !strings.Contains(text, test.want) || !strings.Contains(text, "expected one of API Gateway") {
				t.Errorf("the error is %q, want what was expected and %q", text, test.want)
			}
			if strings.Contains(text, "s3cret") {
				t.Errorf("the error %q tells a value", text)
			}
		})
	}
}

func TestUnknownEventErrorIsBounded(t *testing.T) {
	t.Parallel()
	members := make([]string, 1000)
	for i := range members {
		members[i] = fmt.Sprintf("%q:1", strings.Repeat("k", 1000)+strconv.Itoa(i))
	}
	_, err := adapter.Detect(json.RawMessage("{" + strings.Join(members, ",") + "}"))
	if err == nil || len(err.Error()) > 2000 {
		t.Errorf("the error has %d bytes, want a few hundred", len(err.Error()))
	}
}
