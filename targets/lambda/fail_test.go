package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// started runs the program with a Runtime API that takes nothing but the report of an error, and returns that.
func started(t *testing.T, environ ...string) (code int, stderr string, reported map[string]string) {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/2018-06-01/runtime/init/error" {
			t.Errorf("unexpected %s %s", r.Method, r.URL)
		}
		if err := json.NewDecoder(r.Body).Decode(&reported); err != nil {
			t.Errorf("the report is no JSON: %v", err)
		}
		if reported["errorType"] != r.Header.Get("Lambda-Runtime-Function-Error-Type") {
			t.Errorf("the type of the error differs from the header's, %q", r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer api.Close()
	var out, log bytes.Buffer
	environ = append(environ, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	code = run(nil, environ, &out, &log)
	if out.Len() > 0 {
		t.Errorf("this was printed: %s", &out)
	}
	return code, log.String(), reported
}

func TestBadConfigurationEndsTheInitInOneLine(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"PODINFO_RANDOM_DELAY_UNIT=fortnight", "PODINFO_LAMBDA_INVOKE_MODE=streamed", "PODINFO_MAX_BODY_SIZE=many",
		"PODINFO_READ_ONLY=perhaps",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			code, stderr, reported := started(t, setting, "PODINFO_LEVEL=panic")
			name, value, _ := strings.Cut(setting, "=")
			if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, name+" \""+value+"\"") {
				t.Errorf("exit code %d, and this is said:\n%s", code, stderr)
			}
			if message := reported["errorMessage"]; stderr != "Error: "+message+"\n" {
				t.Errorf("Lambda is told %q, the log %q", message, stderr)
			}
		})
	}
}

func TestOutsideOfLambda(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if code := run(nil, nil, &stdout, &stderr); code == 0 {
		t.Error("it seems to have worked")
	}
	if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "AWS_LAMBDA_RUNTIME_API") {
		t.Errorf("this is said:\n%s", got)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--version"}, nil, &stdout, &stderr); code != 0 || stdout.Len() == 0 {
		t.Errorf("exit code %d, printed %q %q", code, &stdout, &stderr)
	}
}

func TestRuntimeAPIThatIsGoneIsNoMatter(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	environ := []string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:1", "PODINFO_READ_ONLY=perhaps"}
	if code := run(nil, environ, &stdout, &stderr); code == 0 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("exit code %d, and this is said:\n%s", code, &stderr)
	}
}
