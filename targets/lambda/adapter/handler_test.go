package adapter_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// What lambda.Start makes of the two ways in is the same document.
func TestBuffered(t *testing.T) {
	t.Parallel()
	a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<&>\u2028")
	}), adapter.Options{})
	for _, event := range []string{restEvent, httpEvent, urlEvent, albEvent, albMultiEvent} {
		want, err := lambda.NewHandler(a.Invoke).Invoke(t.Context(), []byte(event))
		if err != nil {
			t.Fatal(err)
		}
		got, err := lambda.NewHandler(adapter.Buffered(a.Invoke)).Invoke(t.Context(), []byte(event))
		if err != nil || string(got) != string(want) {
			t.Errorf("the document is %s, %v, want %s", got, err, want)
		}
		if !strings.Contains(string(got), "<&>") {
			t.Errorf("the document %s escapes HTML", got)
		}
	}
	var unknown *adapter.UnknownEventError
	if _, err := adapter.Buffered(a.Invoke).Invoke(t.Context(), []byte(`{}`)); !errors.As(err, &unknown) {
		t.Errorf("the error is %v, want an UnknownEventError", err)
	}
}

// aws-lambda-go passes a stream on as it is, under the type that makes the platform read its beginning.
func TestStreamThroughLambda(t *testing.T) {
	t.Parallel()
	a := adapter.New(http.HandlerFunc(answerEverything), adapter.Options{Streaming: true})
	for _, event := range []string{restEvent, urlEvent} {
		got, err := lambda.NewHandler(a.Invoke).Invoke(t.Context(), []byte(event))
		begun, ended := strings.HasPrefix(string(got), `{"statusCode":201,`), strings.HasSuffix(string(got), "\x00héllo")
		if err != nil || !begun || !ended {
			t.Errorf("the stream is %q, %v", got, err)
		}
		answer, _ := a.Invoke(t.Context(), json.RawMessage(event))
		typed, ok := answer.(interface{ ContentType() string })
		if !ok || typed.ContentType() != "application/vnd.awslambda.http-integration-response" {
			t.Errorf("the answer %T has no type, or another", answer)
		}
	}
}

// The whole API through a function URL.
func TestWholeAPI(t *testing.T) {
	t.Parallel()
	a := adapter.New(api(t), adapter.Options{})
	event := kinds()[adapter.FunctionURL]
	for _, test := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/version", 200, `"version"`},
		{"GET", "/readyz", 200, `"OK"`},
		{"GET", "/nowhere", 404, "404 page not found"},
		{"GET", "/a/../version", 301, ""},
		{"GET", "/status/204", 204, ""},
	} {
		d := invokeOn(t, a, event(test.method, test.path, ""))
		if d.StatusCode != test.status || !strings.Contains(d.bytes(t), test.want) {
			t.Errorf("%s %s: %d with %q, want %d with %q", test.method, test.path, d.StatusCode, d.Body, test.status, test.want)
		}
	}
}
