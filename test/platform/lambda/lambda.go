// Package lambda stands in for AWS Lambda and for the six front doors that turn HTTP requests into its events, so that
// tests can run a real bootstrap binary without an account and without a network.
//
// [Start] runs the binary the way Lambda runs it on provided.al2023: with Lambda's environment variables, against a
// Runtime API and an Extensions API of its own on 127.0.0.1. A [Function] is one execution environment, so it works on
// one invocation at a time, and others wait their turn. Between invocations the process is frozen; when it dies or
// outlives its timeout, the next invocation finds a fresh one, as it would on Lambda.
//
// [Function.URL] is the front door: an HTTP server that hands requests to the function as events of the chosen
// [Shape] and turns its answers back into HTTP. [Function.Invoke] passes the front door by.
//
// The files keep to the documents of AWS, and each names those it follows. What is known from observation only is
// marked as such, because AWS may change it without notice:
//
//	https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html  life of an execution environment
//	https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html                Runtime API
//	https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html     Extensions API
//	https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html       quotas
//
// What is not here: concurrency across several environments and the throttling that comes with it; the platform's own
// log lines; authorizers, custom domains and VPC integrations. IAM does not check anything.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Shape is a way in which HTTP requests reach a function.
type Shape string

// The six shapes.
const (
	RESTAPI           Shape = "REST API"             // API Gateway REST API, Lambda proxy integration (payload 1.0)
	HTTPAPI           Shape = "HTTP API"             // API Gateway HTTP API, payload format 2.0
	FunctionURL       Shape = "function URL"         // invoke mode BUFFERED
	FunctionURLStream Shape = "streamed URL"         // function URL with invoke mode RESPONSE_STREAM
	ALB               Shape = "ALB"                  // Application Load Balancer, the default format
	ALBMultiValue     Shape = "ALB with multi-value" // lambda.multi_value_headers.enabled
)

// Shapes returns all shapes.
func Shapes() []Shape {
	return []Shape{RESTAPI, HTTPAPI, FunctionURL, FunctionURLStream, ALB, ALBMultiValue}
}

// Slug returns the shape as a word for names of tests and files, such as "rest-api".
func (s Shape) Slug() string { return strings.ToLower(strings.ReplaceAll(string(s), " ", "-")) }

// streams tells whether the function is invoked with InvokeWithResponseStream.
func (s Shape) streams() bool { return s == FunctionURLStream }

const (
	// defaultInitTimeout is how long the Init phase may take.
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
	defaultInitTimeout = 10 * time.Second
	defaultTimeout     = 30 * time.Second
	defaultMemory      = 128 // MB
	// internalGrace is how long the runtime may take after SIGTERM. Functions without an extension get no SIGTERM.
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
	internalGrace = 500 * time.Millisecond
)

// Options say how a function is configured. The zero value of each field but Shape is a default.
type Options struct {
	// Shape is the front door. The default is HTTPAPI.
	Shape Shape
	// Env are the variables that the function is configured with, each NAME=value. Those that Lambda reserves cannot
	// be among them.
	Env []string
	// Timeout is that of an invocation, 30 s by default. The Runtime API knows it in milliseconds.
	Timeout time.Duration
	// InitTimeout bounds the time from the start of the process until it asks for its first event; 10 s by default,
	// as on Lambda. It is there for race-detecting binaries on slow machines.
	InitTimeout time.Duration
	// Grace is how long a process may take after SIGTERM; 500 ms by default, as on Lambda.
	Grace time.Duration
	// IntegrationTimeout is how long an API Gateway waits for the function: 29 s for a REST API and 30 s for an HTTP
	// API by default. The other front doors have none and ignore it.
	IntegrationTimeout time.Duration
	// MemoryMB is the memory of the function; 128 by default. It is told to the function, not enforced.
	MemoryMB int
	// Name of the function, podinfo by default.
	Name string
	// Stage of an API Gateway: "prod" by default for a REST API, "$default" for an HTTP API.
	Stage string
	// Extensions are programs that run beside the function as external extensions, each under its file name. They
	// start together with the function's process, not ahead of it.
	Extensions []string
	// Awake keeps the process running between invocations. Lambda gives no such promise; it is for tests that
	// look at the process itself.
	Awake bool
}

func (o *Options) defaults() {
	set(&o.Shape, HTTPAPI)
	set(&o.Timeout, defaultTimeout)
	set(&o.InitTimeout, defaultInitTimeout)
	set(&o.Grace, internalGrace)
	set(&o.MemoryMB, defaultMemory)
	set(&o.Name, "podinfo")
	if o.Shape == RESTAPI {
		set(&o.Stage, "prod")
		set(&o.IntegrationTimeout, 29*time.Second)
	}
	set(&o.Stage, "$default")
	set(&o.IntegrationTimeout, 30*time.Second)
}

// set gives a field that was left out its default.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Function is a function that is deployed for the length of a test.
type Function struct {
	binary string
	o      Options
	front  *httptest.Server
	work   string // working directory of the processes

	turn           chan struct{} // holds a token while no invocation runs
	stdout, stderr output

	mu     sync.Mutex
	box    *sandbox // the execution environment; it may have died
	cold   int      // how many environments have been started
	closed bool

	running sync.WaitGroup
}

// Start deploys the binary at path as a function and starts its execution environment, without waiting for it to come
// up. An environment that fails to come up shows in the answer to the next invocation, and in Exit.
//
// The function ends with the test: its process is told to stop as Terminate does, and a data race that it reported
// fails the test. Its output is shown when the test fails.
func Start(t testing.TB, binary string, o Options) *Function {
	t.Helper()
	o.defaults()
	if err := reservedVariable(o.Env); err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the function's binary: %v", err)
	}
	f := &Function{binary: path, o: o, work: t.TempDir(), turn: make(chan struct{}, 1)}
	f.turn <- struct{}{}
	f.keepOutput(t)
	f.front = httptest.NewServer(f.door())
	t.Cleanup(func() { f.end(t) })
	if _, err := f.sandbox(); err != nil {
		t.Fatal(err)
	}
	return f
}

// keepOutput opens the files that take what the processes write.
func (f *Function) keepOutput(t testing.TB) {
	t.Helper()
	dir := t.TempDir()
	for name, to := range map[string]*output{"stdout": &f.stdout, "stderr": &f.stderr} {
		var err error
		if *to, err = newOutput(filepath.Join(dir, name)); err != nil {
			t.Fatalf("keeping the function's output: %v", err)
		}
		t.Cleanup(func() { _ = to.file.Close() })
	}
}

// end is the last thing that happens to a function.
func (f *Function) end(t testing.TB) {
	f.mu.Lock()
	f.closed = true
	box := f.box
	f.mu.Unlock()
	if box != nil {
		box.shutdown(f.o.Grace)
	}
	f.running.Wait()
	f.front.Close()
	if strings.Contains(f.Stderr(), "WARNING: DATA RACE") {
		t.Errorf("%s has a data race, see its stderr", f.binary)
	}
	if t.Failed() {
		t.Logf("%s\n--- stdout\n%s--- stderr\n%s", f.binary, f.Stdout(), f.Stderr())
	}
}

// URL returns the base URL of the front door without a final slash. It ends in the stage where the shape puts one
// into the path.
func (f *Function) URL() string {
	switch {
	case f.o.Shape == RESTAPI, f.o.Shape == HTTPAPI && f.o.Stage != "$default":
		return f.front.URL + "/" + f.o.Stage
	default:
		return f.front.URL
	}
}

// Shape returns the shape of the front door.
func (f *Function) Shape() Shape { return f.o.Shape }

// Stdout returns what the processes of the function have written to their standard output so far. When an answer is
// there, so is everything that was written before it.
func (f *Function) Stdout() string { return f.stdout.String() }

// Stderr returns what the processes of the function have written to their standard error so far.
func (f *Function) Stderr() string { return f.stderr.String() }

// ColdStarts returns how many execution environments have been started so far.
func (f *Function) ColdStarts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cold
}

// PID returns the id of the process that was started last.
func (f *Function) PID() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.box.process.pid()
}

// Terminate shuts the execution environment down as Lambda does with one that it no longer needs: it waits until the
// current invocation is over; a process with an extension gets SIGTERM and, when it has not left half a
// second later, SIGKILL; one that did not gets SIGKILL at once. Terminate does not wait for the end: see Exit. The
// next invocation starts a new environment.
func (f *Function) Terminate() error {
	patience := time.NewTimer(f.o.InitTimeout + f.o.Timeout)
	defer patience.Stop()
	select {
	case <-f.turn:
	case <-patience.C:
		return errors.New("the function is still busy with an invocation and cannot be terminated")
	}
	f.mu.Lock()
	box := f.box
	f.mu.Unlock()
	if box.dead() {
		f.turn <- struct{}{}
		return errors.New("the function's process has ended already")
	}
	f.spawn(func() { // what cannot be spawned has no need to: the test is over
		if box.awaitInit(f.o.InitTimeout) == nil { // one that does not come up has ended by now
			box.shutdown(f.o.Grace)
		}
		f.turn <- struct{}{}
	})
	return nil
}

// Exit waits for the end of the process that was started last and returns its exit code, -1 if a signal ended it.
func (f *Function) Exit(ctx context.Context) (int, error) {
	f.mu.Lock()
	box := f.box
	f.mu.Unlock()
	select {
	case <-box.process.exited:
		return box.process.code(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for the end of the function's process: %w", ctx.Err())
	}
}

// sandbox returns the execution environment, a new one if the last one has died.
func (f *Function) sandbox() (*sandbox, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errors.New("the test that owns the function is over")
	}
	if f.box != nil {
		if !f.box.dead() {
			return f.box, nil
		}
		f.box.close("FAILURE")
	}
	box, err := startSandbox(f)
	if err != nil {
		return nil, err
	}
	f.box = box
	f.cold++
	return box, nil
}

// reservedVariable looks for a variable that cannot be configured.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
func reservedVariable(env []string) error {
	for _, e := range env {
		name, _, ok := strings.Cut(e, "=")
		if !ok {
			return fmt.Errorf("the function's variable %q is not of the form NAME=value", e)
		}
		if slices.Contains(reserved, name) {
			return fmt.Errorf("the variable %s is reserved by Lambda; a function cannot be configured with it", name)
		}
	}
	return nil
}

// door returns the front door of the function's shape.
func (f *Function) door() http.Handler {
	switch f.o.Shape {
	case RESTAPI:
		return restAPI(f)
	case HTTPAPI:
		return httpAPI(f)
	case FunctionURL, FunctionURLStream:
		return functionURL(f)
	default:
		return loadBalancer(f)
	}
}
