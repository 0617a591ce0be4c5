package lambda_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// description is what the function says of its invocation.
type description struct {
	ID        string   `json:"id"`
	ARN       string   `json:"arn"`
	Trace     string   `json:"trace"`
	Remaining int      `json:"remaining"`
	Env       []string `json:"env"`
	PID       int      `json:"pid"`
}

func describe(t *testing.T, f *lambda.Function) (lambda.Answer, description) {
	t.Helper()
	a := invoke(t, f, `{"do":"context"}`)
	if a.FunctionError != "" {
		t.Fatalf("the function failed: %s", a.Body)
	}
	return a, decode[description](t, string(a.Body))
}

func TestInvocationContext(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Name: "probe", MemoryMB: 256, Env: []string{"COLOR=teal"}})
	a, d := describe(t, f)
	if d.ID == "" || d.ID != a.RequestID {
		t.Errorf("the request id is %q for the function and %q for the caller", d.ID, a.RequestID)
	}
	if want := "arn:aws:lambda:us-east-1:123456789012:function:probe"; d.ARN != want {
		t.Errorf("the ARN is %q, not %q", d.ARN, want)
	}
	if d.Trace != a.Trace || !strings.HasPrefix(d.Trace, "Root=1-") || !strings.HasSuffix(d.Trace, ";Sampled=1") {
		t.Errorf("the trace is %q for the function and %q for the caller", d.Trace, a.Trace)
	}
	if d.Remaining > 30 || d.Remaining < 5 {
		t.Errorf("%d s remain of 30", d.Remaining)
	}
	for _, want := range []string{
		"_HANDLER=bootstrap", "AWS_ACCESS_KEY_ID=" + lambda.AccessKeyID, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_FUNCTION_NAME=probe", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/probe",
		"AWS_REGION=us-east-1", "AWS_SECRET_ACCESS_KEY=" + lambda.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + lambda.SessionToken, "TZ=:UTC", "COLOR=teal",
	} {
		if !slices.Contains(d.Env, want) {
			t.Errorf("the environment has no %s: %q", want, d.Env)
		}
	}
	if d.PID != f.PID() {
		t.Errorf("the process is %d, not %d", f.PID(), d.PID)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, do, errorType, message string
		restarts                     bool
	}{
		{"an error", "fail", "errorString", "broken", false},
		{"a panic", "panic", "string", "shaken", true},
		{"an exit", "exit", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{})
			a := invoke(t, f, `{"do":"`+c.do+`"}`)
			if a.FunctionError != "Unhandled" || a.ErrorType != c.errorType || !strings.HasSuffix(a.ErrorMessage, c.message) {
				t.Errorf("failed as %q with %s", a.FunctionError, a.Body)
			}
			if !strings.Contains(string(a.Body), `"errorType":"`+c.errorType) {
				t.Errorf("the error object is %s", a.Body)
			}
			describe(t, f)
			want := 1
			if c.restarts {
				want = 2
			}
			if got := f.ColdStarts(); got != want {
				t.Errorf("%d environments were started, not %d", got, want)
			}
		})
	}
}

// What a function wrote before its response is there when the response is.
func TestOutputIsThereWithTheAnswer(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{})
	for i := range 50 {
		invoke(t, f, `{"do":"say"}`)
		if got := strings.Count(f.Stdout(), "said"); got != i+1 {
			t.Fatalf("%d lines are there after %d answers", got, i+1)
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Timeout: 3 * time.Second})
	a := invoke(t, f, `{"do":"hang"}`)
	want := "RequestId: " + a.RequestID + " Error: Task timed out after 3.00 seconds"
	if a.ErrorType != "Sandbox.Timedout" || a.ErrorMessage != want {
		t.Errorf("failed with %s", a.Body)
	}
	if code, err := f.Exit(within(t)); err != nil || code != -1 {
		t.Errorf("the process left with %d, %v", code, err)
	}
	describe(t, f)
	if got := f.ColdStarts(); got != 2 {
		t.Errorf("%d environments were started, not 2", got)
	}
}

func TestResponseSize(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{})
	const limit = 6_291_556
	if a := invoke(t, f, fmt.Sprintf(`{"do":"large","size":%d}`, limit-2)); len(a.Body) != limit {
		t.Errorf("got %d bytes, %s", len(a.Body), a.ErrorMessage)
	}
	a := invoke(t, f, fmt.Sprintf(`{"do":"large","size":%d}`, limit-1))
	want := "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes)."
	if a.ErrorType != "Function.ResponseSizeTooLarge" || a.ErrorMessage != want {
		t.Errorf("failed with %.200s", a.Body)
	}
	testkit.Eventually(t, patience, "aws-lambda-go to say what the Runtime API answered", func() bool {
		return strings.Contains(f.Stderr(), "unexpected status code: 413")
	})
}

func TestEventSize(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{})
	if _, err := f.Invoke(within(t), []byte(`"`+strings.Repeat("x", 6_291_555)+`"`)); err == nil {
		t.Error("an event of 6,291,557 bytes was taken")
	}
}

// gate is where a function waits until the test lets it go on.
type gate struct {
	URL     string
	arrived chan struct{} // gets a token when the function waits
	pass    chan struct{} // lets it go on
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{arrived: make(chan struct{}), pass: make(chan struct{})}
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for _, step := range []func() bool{
			func() bool {
				select {
				case g.arrived <- struct{}{}:
					return true
				case <-done:
					return false
				}
			},
			func() bool {
				select {
				case <-g.pass:
					return true
				case <-done:
					return false
				}
			},
		} {
			if !step() {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(done) })
	g.URL = s.URL
	return g
}

func (g *gate) await(t *testing.T) {
	t.Helper()
	select {
	case <-g.arrived:
	case <-within(t).Done():
		t.Fatal("the function never came to the gate")
	}
}

func (g *gate) open(t *testing.T) {
	t.Helper()
	select {
	case g.pass <- struct{}{}:
	case <-within(t).Done():
		t.Fatal("nobody waits at the gate")
	}
}

func TestOneInvocationAtATime(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{})
	g := newGate(t)
	results := make(chan string, 2)
	run := func(payload string) {
		a, err := f.Invoke(within(t), []byte(payload))
		results <- fmt.Sprint(string(a.Body), err)
	}
	go run(`{"do":"stream","plain":true,"parts":["first"],"gate":"` + g.URL + `"}`)
	g.await(t)
	go run(`{"do":"answer","answer":"second"}`)
	select {
	case early := <-results:
		t.Errorf("%s came while the function was at work", early)
	default:
	}
	g.open(t)
	for _, want := range []string{"first<nil>", `"second"<nil>`} {
		select {
		case got := <-results:
			if got != want {
				t.Errorf("got %s, not %s", got, want)
			}
		case <-within(t).Done():
			t.Fatalf("no %s", want)
		}
	}
	if got := f.ColdStarts(); got != 1 {
		t.Errorf("%d environments were started, not 1", got)
	}
}

func TestStreamedInvocation(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Shape: lambda.FunctionURLStream})
	a := invoke(t, f, `{"do":"stream","plain":true,"parts":["one","two"]}`)
	if string(a.Body) != "onetwo" || len(a.Chunks) == 0 || a.FunctionError != "" {
		t.Errorf("got %q in %d chunks, %s", a.Body, len(a.Chunks), a.ErrorMessage)
	}
	for i, c := range a.Chunks[1:] {
		if c.At.Before(a.Chunks[i].At) {
			t.Errorf("chunk %d came before the one ahead of it", i+1)
		}
	}
}

func TestStreamBreaksOff(t *testing.T) {
	t.Parallel()
	const torn = `{"do":"stream","plain":true,"parts":["one"],"fail":"error"}`
	t.Run("streamed", func(t *testing.T) {
		t.Parallel()
		a := invoke(t, start(t, lambda.Options{Shape: lambda.FunctionURLStream}), torn)
		if string(a.Body) != "one" || a.FunctionError != "Unhandled" || a.ErrorMessage != "torn" {
			t.Errorf("got %+v", a)
		}
		if a.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "errorString" {
			t.Errorf("the trailers are %v", a.Trailer)
		}
	})
	t.Run("buffered", func(t *testing.T) {
		t.Parallel()
		a := invoke(t, start(t, lambda.Options{}), torn)
		if a.FunctionError != "Unhandled" || a.ErrorType != "errorString" || a.ErrorMessage != "torn" {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("by the end of the process", func(t *testing.T) {
		t.Parallel()
		f := start(t, lambda.Options{Shape: lambda.FunctionURLStream})
		a := invoke(t, f, `{"do":"stream","plain":true,"parts":["one"],"fail":"exit"}`)
		// Whether the part or the end is noticed first is for the kernel to say; the fault is there in any case.
		ended := a.ErrorType == "Runtime.ExitError" || a.ErrorType == "Runtime.TruncatedResponse"
		if a.FunctionError != "Unhandled" || !ended {
			t.Errorf("got %+v", a)
		}
		describe(t, f)
	})
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		o      lambda.Options
		code   int
		signal bool
	}{
		{"kills a process without extension", lambda.Options{}, -1, false},
		{"lets a process with an extension leave",
			lambda.Options{Env: []string{"ON_SIGTERM=leave"}, Grace: patience}, 0, true},
		{"kills a process that stays", lambda.Options{Env: []string{"ON_SIGTERM=stay"}, Grace: 2 * time.Second}, -1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := start(t, c.o)
			describe(t, f)
			if err := f.Terminate(); err != nil {
				t.Fatal(err)
			}
			if code, err := f.Exit(within(t)); err != nil || code != c.code {
				t.Errorf("the process left with %d, %v; not %d", code, err, c.code)
			}
			if got := strings.Contains(f.Stdout(), "got SIGTERM"); got != c.signal {
				t.Errorf("SIGTERM arrived: %t, not %t", got, c.signal)
			}
			if _, d := describe(t, f); d.PID != f.PID() || f.ColdStarts() != 2 {
				t.Errorf("process %d answered of %d environments", d.PID, f.ColdStarts())
			}
		})
	}
}

func TestTerminateNeedsAProcess(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Env: []string{"INIT_ERROR=1"}})
	if _, err := f.Exit(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := f.Terminate(); err == nil {
		t.Error("a process that has ended was terminated")
	}
}

func TestInitFails(t *testing.T) {
	t.Parallel()
	t.Run("reported", func(t *testing.T) {
		t.Parallel()
		f := start(t, lambda.Options{Env: []string{"INIT_ERROR=1"}})
		if code, err := f.Exit(within(t)); err != nil || code != 1 {
			t.Errorf("the process left with %d, %v", code, err)
		}
		if a := invoke(t, f, `{}`); a.ErrorType != "Config.Missing" || a.ErrorMessage != "no settings" {
			t.Errorf("failed with %s", a.Body)
		}
		if !strings.Contains(f.Stdout(), "init error: 202 Accepted") {
			t.Errorf("the function says %q", f.Stdout())
		}
	})
	t.Run("too slow", func(t *testing.T) {
		t.Parallel()
		f := start(t, lambda.Options{Env: []string{"INIT_HANG=1"}, InitTimeout: 100 * time.Millisecond})
		if a := invoke(t, f, `{}`); a.ErrorType != "Sandbox.Timedout" {
			t.Errorf("failed with %s", a.Body)
		}
	})
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	state := func(f *lambda.Function) string {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.PID()))
		if err != nil {
			return ""
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		return rest[:1]
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("SKIPPED: the state of a process is looked up in /proc, which is not here")
	}
	f := start(t, lambda.Options{})
	for range 2 { // after Init, and after an invocation
		testkit.Eventually(t, patience, "the process to freeze", func() bool { return state(f) == "T" })
		describe(t, f)
	}
	awake := start(t, lambda.Options{Awake: true})
	describe(t, awake)
	describe(t, awake) // only comes in when the first one is over
	if state(awake) == "T" {
		t.Error("a process froze that was to stay awake")
	}
}

func TestInternalExtension(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Options{Env: []string{"EXTENSION=1"}})
	a, _ := describe(t, f)
	event := `"requestId":"` + a.RequestID +
		`","invokedFunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:podinfo","tracing":` +
		`{"type":"X-Amzn-Trace-Id","value":"` + a.Trace + `"}}`
	for _, want := range []string{
		"SHUTDOWN: 403 Forbidden\n", "INVOKE: 200 OK true\n", "again: 403 Forbidden\n", `heard {"eventType":"INVOKE",`, event,
	} {
		testkit.Eventually(t, patience, want, func() bool { return strings.Contains(f.Stdout(), want) })
	}
	describe(t, f) // the phase ended, and the extension hears of this one, too
	testkit.Eventually(t, patience, "a second event", func() bool { return strings.Count(f.Stdout(), "heard") == 2 })
}

func TestExternalExtension(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, do string }{{"SPINDOWN", ""}, {"FAILURE", "exit"}, {"TIMEOUT", "hang"}} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			f := start(t, lambda.Options{
				Extensions: []string{testkit.Build(t, "test/platform/lambda/testdata/extension")},
				Env:        []string{"ON_SIGTERM=leave"}, Timeout: 5 * time.Second, Grace: patience,
			})
			a, _ := describe(t, f)
			if c.do == "" {
				if err := f.Terminate(); err != nil {
					t.Fatal(err)
				}
			} else if a := invoke(t, f, `{"do":"`+c.do+`"}`); a.FunctionError == "" {
				t.Errorf("the function came to %s", a.Body)
			}
			for _, want := range []string{
				"extension registered: 200 OK handler: \n", `"requestId":"` + a.RequestID, `"shutdownReason":"` + c.reason + `"`,
			} {
				testkit.Eventually(t, patience, want, func() bool { return strings.Contains(f.Stdout(), want) })
			}
		})
	}
}
