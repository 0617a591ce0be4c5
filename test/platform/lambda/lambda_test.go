package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = time.Minute

// start deploys the function of testdata.
func start(t *testing.T, o lambda.Options) *lambda.Function {
	t.Helper()
	if o.InitTimeout == 0 {
		o.InitTimeout = patience
	}
	return lambda.Start(t, testkit.Build(t, "test/platform/lambda/testdata/function"), o)
}

// within returns a context that ends a test which hangs.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func invoke(t *testing.T, f *lambda.Function, payload string) lambda.Answer {
	t.Helper()
	a, err := f.Invoke(within(t), []byte(payload))
	if err != nil {
		t.Fatalf("invoking with %s: %v", payload, err)
	}
	return a
}

// reply is what a client of the front door sees.
type reply struct {
	status int
	header http.Header
	body   string
}

func send(t *testing.T, method, url string, header http.Header, body []byte) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the body: %v", method, url, err)
	}
	return reply{answer.StatusCode, answer.Header, string(text)}
}

// answers asks the function for a literal response.
func answers(t *testing.T, f *lambda.Function, response string) reply {
	t.Helper()
	body := `{"do":"answer","answer":` + response + `}`
	return send(t, http.MethodPost, f.URL()+"/", http.Header{"Content-Type": {"application/json"}}, []byte(body))
}

// decode reads JSON into a value of any type.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestShapes(t *testing.T) {
	t.Parallel()
	for _, shape := range lambda.Shapes() {
		t.Run(shape.Slug(), func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{Shape: shape})
			if f.Shape() != shape {
				t.Errorf("the shape is %q", f.Shape())
			}
			got := send(t, http.MethodGet, f.URL()+"/some/path?a=1", nil, nil)
			if shape == lambda.FunctionURLStream { // the function answers this one with JSON, not with a stream
				got.body = decode[map[string]any](t, got.body)["body"].(string)
			}
			if got.status != 200 || !strings.Contains(got.body, `/some/path"`) {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}
