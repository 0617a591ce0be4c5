package adapter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// within gives a test an invocation that may take so long, in the test's own time.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func answerOf(ctx context.Context, t *testing.T, a *adapter.Adapter, payload string) document {
	t.Helper()
	answer, err := a.Invoke(ctx, json.RawMessage(payload))
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(encoded, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestContextEndsBeforeTheInvocation(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ limit, margin, want time.Duration }{
		"default margin":                {10 * time.Second, 0, 9500 * time.Millisecond},
		"margin of an option":           {10 * time.Second, 3 * time.Second, 7 * time.Second},
		"never more than half the time": {600 * time.Millisecond, 0, 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				a := adapter.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					deadline, _ := r.Context().Deadline()
					if got := deadline.Sub(start); got != test.want {
						t.Errorf("the request's context ends after %v, want %v", got, test.want)
					}
				}), adapter.Options{Margin: test.margin})
				answerOf(within(t, test.limit), t, a, urlEvent)
			})
		})
	}
}

type contextKey struct{}

func TestContextIsTheInvocations(t *testing.T) {
	t.Parallel()
	invocation := context.WithValue(t.Context(), contextKey{}, "from the invocation")
	a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Context().Value(contextKey{}).(string)+r.Header.Get("X-Begun"))
	}), adapter.Options{Begin: func(ctx context.Context, r *http.Request) *http.Request {
		if ctx != r.Context() {
			t.Error("Begin gets another context than the request's")
		}
		r.Header.Set("X-Begun", ", begun")
		return r.WithContext(context.WithValue(ctx, contextKey{}, "begun "+ctx.Value(contextKey{}).(string)))
	}})
	if got := answerOf(invocation, t, a, urlEvent).Body; got != "begun from the invocation, begun" {
		t.Errorf("the handler saw %q", got)
	}
}

// A handler that heeds its context answers by itself: it has the time to, and the adapter waits for it.
func TestHandlerAnswersItsDeadlineItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(http.StatusGatewayTimeout)
			_, _ = io.WriteString(w, "by the handler")
		}), adapter.Options{})
		d := answerOf(within(t, time.Minute), t, a, urlEvent)
		if d.StatusCode != http.StatusGatewayTimeout || d.Body != "by the handler" {
			t.Errorf("the answer is %+v, want the handler's own", d)
		}
	})
}

// A handler that ignores its context is answered for, in time, and not waited for; End has run.
func TestHandlerThatIgnoresItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var late atomic.Value
		var ended atomic.Int32
		a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			<-release
			_, err := io.WriteString(w, "too late")
			late.Store(err)
		}), adapter.Options{End: func(ctx context.Context) {
			ended.Add(1)
			if ctx.Err() != nil {
				t.Error("End has no time left")
			}
		}})
		start := time.Now()
		d := answerOf(within(t, time.Minute), t, a, urlEvent)
		checkError(t, d.StatusCode, d.Body, http.StatusGatewayTimeout)
		if took := time.Since(start); took < 59*time.Second || took >= 59*time.Second+900*time.Millisecond {
			t.Errorf("the answer came after %v, want it shortly before the minute is over", took)
		}
		if ended.Load() != 1 {
			t.Errorf("End ran %d times before the answer, want once", ended.Load())
		}
		if err := a.Wait(within(t, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait says %v while the handler is at it", err)
		}
		close(release)
		if err := a.Wait(t.Context()); err != nil {
			t.Errorf("Wait says %v", err)
		}
		if err, _ := late.Load().(error); !errors.Is(err, http.ErrHandlerTimeout) {
			t.Errorf("the late write says %v, want ErrHandlerTimeout", err)
		}
		if ended.Load() != 1 {
			t.Errorf("End ran %d times, want once", ended.Load())
		}
	})
}

// A handler that gives its answer up when its context ends, as net/http lets it, was late. One that fails was not, even
// if its End takes until the context has ended.
func TestHandlerThatGivesUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after  time.Duration
		cause  error
		end    time.Duration
		status int
	}{
		"when its context ends":                  {after: time.Hour, cause: http.ErrAbortHandler, status: 504},
		"before its context ends":                {after: time.Second, cause: http.ErrAbortHandler, status: 500},
		"before, with an End that takes long":    {time.Second, http.ErrAbortHandler, 58550 * time.Millisecond, 500},
		"panicking for good, when context ended": {after: time.Hour, cause: errors.New("torn"), status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusOK)
					select {
					case <-r.Context().Done():
					case <-time.After(test.after):
					}
					panic(test.cause)
				}), adapter.Options{End: func(context.Context) { <-time.After(test.end) }})
				d := answerOf(within(t, time.Minute), t, a, urlEvent)
				checkError(t, d.StatusCode, d.Body, test.status)
			})
		})
	}
}

func TestEndRunsAfterTheHandler(t *testing.T) {
	t.Parallel()
	var order []string
	a := adapter.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		order = append(order, "handler")
	}), adapter.Options{End: func(context.Context) { order = append(order, "end") }})
	answerOf(t.Context(), t, a, urlEvent)
	order = append(order, "answer")
	if got := strings.Join(order, ", "); got != "handler, end, answer" {
		t.Errorf("the order was %s", got)
	}
}

func panicking(value any) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { panic(value) }
}

func TestPanic(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		end     func(context.Context)
		begin   func(context.Context, *http.Request) *http.Request
		logged  string
		status  int
	}{
		"value": {handler: panicking("out of cheese"), logged: "out of cheese", status: 500},
		"nil":   {handler: panicking(nil), logged: "panic called with nil", status: 500},
		"abort": {handler: panicking(http.ErrAbortHandler), status: 500},
		"exit": {handler: func(http.ResponseWriter, *http.Request) {
			runtime.Goexit()
		}, logged: "handler panicked", status: 500},
		"after writing": {handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half an answ")
			panic("torn")
		}, logged: "torn", status: 500},
		"no status": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(42)
		}, logged: "code 42", status: 500},
		"in Begin": {
			handler: func(http.ResponseWriter, *http.Request) {},
			begin:   func(context.Context, *http.Request) *http.Request { panic("begun badly") },
			logged:  "begun badly", status: 500,
		},
		"in End": {
			handler: func(http.ResponseWriter, *http.Request) {},
			end:     func(context.Context) { panic("ended badly") },
			logged:  "ended badly", status: 200,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines bytes.Buffer
			log := logrus.New()
			log.SetOutput(&lines)
			a := adapter.New(test.handler, adapter.Options{Log: log, Begin: test.begin, End: test.end})
			for range 2 { // the process lives: the next event is answered too
				lines.Reset()
				d := answerOf(t.Context(), t, a, urlEvent)
				if test.status == http.StatusInternalServerError {
					checkError(t, d.StatusCode, d.Body, test.status)
				} else if d.StatusCode != test.status {
					t.Errorf("status %d, want %d", d.StatusCode, test.status)
				}
			}
			if logged := lines.String(); !strings.Contains(logged, test.logged) || (test.logged == "") != (logged == "") {
				t.Errorf("the log has %q, want %q", logged, test.logged)
			}
		})
	}
}

func TestConcurrentInvocations(t *testing.T) {
	t.Parallel()
	a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path)
	}), adapter.Options{})
	for _, path := range []string{"/a", "/b", "/c", "/d"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for range 100 {
				if d := answerOf(t.Context(), t, a, kinds()[adapter.HTTPAPI]("GET", path, "")); d.Body != path {
					t.Fatalf("%q was answered %q", path, d.Body)
				}
			}
		})
	}
}

// A handler that is done ends its context too, at the same moment: that is no deadline.
func TestDoneIsNotLate(t *testing.T) {
	t.Parallel()
	a := adapter.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), adapter.Options{})
	for range 5000 {
		if d := answerOf(t.Context(), t, a, urlEvent); d.StatusCode != http.StatusOK {
			t.Fatalf("the answer is %+v", d)
		}
	}
}
