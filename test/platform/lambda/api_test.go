package lambda_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
)

// TestAPIErrors plays a runtime that does what it must not do.
func TestAPIErrors(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{})
	_, d := describe(t, f)
	i := slices.IndexFunc(d.Env, func(e string) bool { return strings.HasPrefix(e, "AWS_LAMBDA_RUNTIME_API=") })
	api := "http://" + strings.TrimPrefix(d.Env[i], "AWS_LAMBDA_RUNTIME_API=")
	const runtime, extension = "/2018-06-01/runtime/", "/2020-01-01/extension/"

	g := newGate(t)
	busy := make(chan lambda.Answer, 1)
	go func() {
		a, _ := f.Invoke(within(t), []byte(`{"do":"stream","plain":true,"parts":["x"],"gate":"`+g.URL+`"}`))
		busy <- a
	}()
	g.await(t)
	for _, c := range []struct {
		name, method, path string
		header             http.Header
		status             int
		errorType          string
	}{
		{"no such route", "GET", runtime + "invocation/unknown", nil, 404, ""},
		{"next before the response is out", "GET", runtime + "invocation/next", nil, 403, "InvalidStateTransition"},
		{"response to nothing", "POST", runtime + "invocation/nothing/response", nil, 400, "InvalidRequestID"},
		{"error of nothing", "POST", runtime + "invocation/nothing/error", nil, 400, "InvalidRequestID"},
		{"response in no mode", "POST", runtime + "invocation/nothing/response",
			http.Header{"Lambda-Runtime-Function-Response-Mode": {"sung"}}, 400, "InvalidFunctionResponseMode"},
		{"init error after Init", "POST", runtime + "init/error", nil, 403, "InvalidStateTransition"},
		{"extension without name", "POST", extension + "register", nil, 403, "Extension.InvalidExtensionName"},
		{"extension after Init", "POST", extension + "register",
			http.Header{"Lambda-Extension-Name": {"late"}}, 403, "Extension.RegistrationClosed"},
		{"extension for an unknown event", "POST", extension + "register",
			http.Header{"Lambda-Extension-Name": {"odd"}, "X-Events": {"DINNER"}}, 403, "Extension.InvalidEventType"},
		{"event for nobody", "GET", extension + "event/next", nil, 403, "Extension.MissingExtensionIdentifier"},
		{"event for a stranger", "GET", extension + "event/next",
			http.Header{"Lambda-Extension-Identifier": {"me"}}, 403, "Extension.UnknownExtensionIdentifier"},
		{"error of a stranger", "POST", extension + "init/error",
			http.Header{"Lambda-Extension-Identifier": {"me"}}, 403, "Extension.UnknownExtensionIdentifier"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := `{"events":[]}`
			if event := c.header.Get("X-Events"); event != "" {
				body = `{"events":["` + event + `"]}`
			}
			got := send(t, c.method, api+c.path, c.header, []byte(body))
			if got.status != c.status || !strings.Contains(got.body, c.errorType) {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
	g.open(t)
	select {
	case a := <-busy:
		if string(a.Body) != "x" {
			t.Errorf("the invocation came to %+v", a)
		}
	case <-within(t).Done():
		t.Fatal("the invocation did not survive")
	}
}
