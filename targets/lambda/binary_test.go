package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standin "github.com/podinfo-targets/podinfo/test/platform/lambda"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// The tests of the binary_*_test.go files run the real program as Lambda does: against a Runtime API, frozen between
// invocations, killed half a second after SIGTERM.

const patience = 30 * time.Second

// deploy starts the function with an HTTP API before it.
func deploy(t *testing.T, o standin.Options) *standin.Function {
	t.Helper()
	return standin.Start(t, testkit.Build(t, "targets/lambda"), o)
}

// answered is what the front door answered.
type answered struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

// get sends a request through the front door. Headers are names and values in turn.
func get(t *testing.T, f *standin.Function, path string, headers ...string) answered {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	start := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{response.StatusCode, response.Header, string(body), time.Since(start)}
}

// invoke hands the function an event.
func invoke(t *testing.T, f *standin.Function, event string) standin.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := f.Invoke(ctx, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// event is what an HTTP API makes of a GET without a query, see
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html. Headers are
// names in lower case and values in turn.
func event(path string, headers ...string) string {
	var members strings.Builder
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&members, ",%q:%q", headers[i], headers[i+1])
	}
	return fmt.Sprintf(`{"version":"2.0","routeKey":"$default","rawPath":%q,"rawQueryString":"",
		"headers":{"host":"api-id.execute-api.us-east-1.amazonaws.com"%s},
		"requestContext":{"accountId":"123456789012","apiId":"api-id","domainPrefix":"api-id",
		"domainName":"api-id.execute-api.us-east-1.amazonaws.com","stage":"$default","routeKey":"$default",
		"http":{"method":"GET","path":%q,"protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"test"},
		"requestId":"id","time":"12/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390},
		"isBase64Encoded":false}`, path, &members, path)
}

// logged returns the lines of the function's log as they are so far, each of which has to be JSON. They come through a
// pipe, and so perhaps after the answer: wait for them.
func logged(t *testing.T, f *standin.Function) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(f.Stderr()) {
		var line map[string]any
		if !strings.HasSuffix(text, "\n") {
			break // the rest of it is on its way
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("this line of the log is no JSON: %s", text)
		}
		lines = append(lines, line)
	}
	return lines
}

// waitLogged waits for a line of the function's log.
func waitLogged(t *testing.T, f *standin.Function, what string, is func(line map[string]any) bool) {
	t.Helper()
	testkit.Eventually(t, patience, what+" in the log", func() bool { return slices.ContainsFunc(logged(t, f), is) })
}

func TestBinaryInitFailure(t *testing.T) {
	t.Parallel()
	f := deploy(t, standin.Options{Env: []string{"PODINFO_MAX_BODY_SIZE=many", "PODINFO_LEVEL=panic"}})
	a := invoke(t, f, event("/version"))
	const want = `environment PODINFO_MAX_BODY_SIZE "many"`
	if a.FunctionError == "" || !strings.Contains(a.ErrorMessage, want) {
		t.Errorf("who invokes the function is told %q %q", a.FunctionError, a.ErrorMessage)
	}
	if code, err := f.Exit(t.Context()); err != nil || code == 0 {
		t.Errorf("exit code %d, %v", code, err)
	}
	lines := strings.Count(f.Stderr(), "\n")
	if lines != f.ColdStarts() || strings.Count(f.Stderr(), want) != lines {
		t.Errorf("not one clear line for each of %d attempts to start:\n%s", f.ColdStarts(), f.Stderr())
	}
}

func TestBinaryEvents(t *testing.T) {
	t.Parallel()
	f := deploy(t, standin.Options{})
	a := invoke(t, f, `{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`)
	if a.FunctionError != "" || string(a.Body) != `{"status":"warm"}` {
		t.Errorf("the warmer is answered %q %s", a.FunctionError, a.Body)
	}
	a = invoke(t, f, `{"Records":[{"eventSource":"aws:sqs","body":"a secret"}]}`)
	if a.ErrorType != "UnknownEventError" || !strings.Contains(a.ErrorMessage, "expected") ||
		!strings.Contains(a.ErrorMessage, "Records") {
		t.Errorf("the unknown event is answered %s: %s", a.ErrorType, a.ErrorMessage)
	}
	waitLogged(t, f, "the invocation that failed", func(line map[string]any) bool {
		return line["requestId"] == a.RequestID && line["message"] == "invocation failed"
	})
	if strings.Contains(f.Stderr(), "a secret") {
		t.Error("the log shows values of the event")
	}
	if a = invoke(t, f, event("/version")); a.FunctionError != "" || f.ColdStarts() != 1 {
		t.Errorf("the function did not go on: %s, %d starts", a.ErrorMessage, f.ColdStarts())
	}
	testkit.Eventually(t, patience, "the metrics of the request", func() bool { return f.Stdout() != "" })
	if n := strings.Count(f.Stdout(), "_aws"); n != 1 {
		t.Errorf("the other events reached the handlers, which counted them:\n%s", f.Stdout())
	}
}

func TestBinaryWithholds(t *testing.T) {
	t.Parallel()
	f := deploy(t, standin.Options{})
	for path, reason := range map[string]string{
		"/ws/echo": "websockets are not possible on AWS Lambda", "/version.VersionService/Version": "gRPC is not possible",
		"/plugins": "plugins are not possible on AWS Lambda", "/plugins/cbor": "plugins are not possible on AWS Lambda",
	} {
		var headers []string
		if strings.HasPrefix(path, "/version.") {
			headers = []string{"Content-Type", "application/grpc"}
		}
		a := get(t, f, path, headers...)
		if a.status != http.StatusNotImplemented || !strings.Contains(a.body, reason) {
			t.Errorf("%s is answered %d %s", path, a.status, a.body)
		}
	}
}

// TestBinaryHidesCredentials looks for what Lambda puts into the environment of every function.
func TestBinaryHidesCredentials(t *testing.T) {
	t.Parallel()
	f := deploy(t, standin.Options{})
	a := get(t, f, "/env")
	for _, secret := range []string{standin.AccessKeyID, standin.SecretAccessKey, standin.SessionToken} {
		if strings.Contains(a.body, secret) || strings.Contains(f.Stderr()+f.Stdout(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	for _, variable := range []string{
		"AWS_ACCESS_KEY_ID=********", "AWS_SECRET_ACCESS_KEY=********", "AWS_SESSION_TOKEN=********",
		"AWS_REGION=" + standin.Region, "AWS_LAMBDA_FUNCTION_NAME=podinfo", "_HANDLER=bootstrap",
	} {
		if !strings.Contains(a.body, `"`+variable+`"`) {
			t.Errorf("%s is missing in %s", variable, a.body)
		}
	}
}

func TestBinaryTellsWhereItRuns(t *testing.T) {
	t.Parallel()
	a := get(t, deploy(t, standin.Options{}), "/api/info")
	var info map[string]string
	if err := json.Unmarshal([]byte(a.body), &info); err != nil {
		t.Fatal(err)
	}
	if info["aws_lambda_function_name"] != "podinfo" || info["aws_region"] != standin.Region {
		t.Errorf("got %s", a.body)
	}
}

func TestBinaryAnswersInTime(t *testing.T) {
	t.Parallel()
	const timeout = 4 * time.Second
	f := deploy(t, standin.Options{Timeout: timeout})
	_ = get(t, f, "/version") // starts it
	a := get(t, f, "/delay/20")
	if a.status != http.StatusGatewayTimeout || a.took >= timeout {
		t.Errorf("after %s it answered %d %s", a.took, a.status, a.body)
	}
	if a = get(t, f, "/version"); a.status != http.StatusOK || f.ColdStarts() != 1 {
		t.Errorf("the function did not go on: %d %s, %d starts", a.status, a.body, f.ColdStarts())
	}
}

func TestBinaryPanicEndsTheProcess(t *testing.T) {
	t.Parallel()
	f := deploy(t, standin.Options{})
	a := invoke(t, f, event("/panic"))
	if a.ErrorType != "Runtime.ExitError" || !strings.Contains(a.ErrorMessage, "exit status 255") {
		t.Errorf("/panic is answered %s %s", a.ErrorType, a.ErrorMessage)
	}
	if a = invoke(t, f, event("/version")); a.FunctionError != "" || f.ColdStarts() != 2 {
		t.Errorf("%s; %d starts, want a second one", a.ErrorMessage, f.ColdStarts())
	}
}

func TestBinaryReadOnly(t *testing.T) {
	t.Parallel()
	f := deploy(t, standin.Options{Env: []string{"PODINFO_READ_ONLY=true"}})
	if a := get(t, f, "/panic"); a.status != http.StatusForbidden || f.ColdStarts() != 1 {
		t.Errorf("/panic is answered %d %s, %d starts", a.status, a.body, f.ColdStarts())
	}
}
