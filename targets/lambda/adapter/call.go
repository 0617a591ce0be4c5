package adapter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// call is one request on its way through the handler, in a goroutine of its own: only so can a request be answered
// whose handler does not heed its context.
//
// A handler that never returns stays behind. It gets no more than memory that it had: what it writes is refused, the
// process goes on to serve, and Adapter.Wait names it at the end. Lambda freezes it with the process between
// invocations.
type call struct {
	adapter *Adapter
	invoked context.Context // the invocation's
	request *http.Request   // its context ends before the invocation's does
	cancel  context.CancelFunc
	grace   time.Duration // what a handler has to answer by itself, once its context has ended
	done    chan struct{} // closed when the handler has returned and End has run
	ok      bool          // the handler returned, it did not panic; to be read after done
	gaveUp  bool          // it panicked with http.ErrAbortHandler because its context's deadline had passed; the same
	ending  sync.Once
}

// newCall gives the request its context: the invocation's, with the margin taken off its deadline. A margin never takes
// more than half of the time that there is.
func (a *Adapter) newCall(ctx context.Context, r *http.Request) *call {
	c := &call{adapter: a, invoked: ctx, done: make(chan struct{})}
	var requestContext context.Context
	if deadline, bounded := ctx.Deadline(); bounded {
		margin := min(a.options.Margin, time.Until(deadline)/2)
		c.grace = margin / 4
		requestContext, c.cancel = context.WithDeadline(ctx, deadline.Add(-margin))
	} else {
		requestContext, c.cancel = context.WithCancel(ctx)
	}
	c.request = r.WithContext(requestContext)
	return c
}

// run serves the request, and calls finish when the handler is done and End has run.
func (c *call) run(w http.ResponseWriter, finish func()) {
	c.adapter.handlers.Go(func() {
		defer c.cancel()
		defer close(c.done)
		defer finish()
		defer c.end()
		var cause any
		cause, c.ok = c.protect(func() {
			r := c.request
			if begin := c.adapter.options.Begin; begin != nil {
				r = begin(r.Context(), r)
			}
			c.adapter.handler.ServeHTTP(w, r)
		})
		c.gaveUp = isAbort(cause) && errors.Is(c.request.Context().Err(), context.DeadlineExceeded)
	})
}

// end runs Options.End, once, and returns when it has run.
func (c *call) end() {
	c.ending.Do(func() {
		if end := c.adapter.options.End; end != nil {
			c.protect(func() { end(c.invoked) })
		}
	})
}

// late is over when the request has taken too long: its context has ended, and the handler did not answer within the
// grace either. It reports false when the handler was done before.
func (c *call) late() bool {
	select {
	case <-c.done:
		return false
	case <-c.request.Context().Done():
	}
	timer := time.NewTimer(c.grace)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
	}
	return !c.isDone() // of both at once, the handler counts
}

func (c *call) isDone() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// protect reports whether f returned, and otherwise what it panicked with. That is logged, as net/http does, and does
// not end the process: on Lambda that would cost the next caller a cold start.
func (c *call) protect(f func()) (cause any, returned bool) {
	defer func() {
		if !returned { // a panic, or runtime.Goexit
			cause = recover()
			c.logPanic(cause)
		}
	}()
	f()
	return nil, true
}

// isAbort tells whether a handler panicked as net/http lets it, to end an answer that it cannot finish.
func isAbort(cause any) bool {
	err, ok := cause.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

func (c *call) logPanic(cause any) {
	log := c.adapter.options.Log
	if isAbort(cause) || log == nil {
		return
	}
	log.WithContext(c.request.Context()).WithFields(logrus.Fields{
		"error": fmt.Sprint(cause), "method": c.request.Method, "uri": c.request.URL.Path, "stack": string(debug.Stack()),
	}).Error("handler panicked")
}

// lateAnswer is what a request gets that would outlive its invocation.
func lateAnswer() *reply {
	return failure(http.StatusGatewayTimeout, "the request took longer than the function may run; ask for less at a time")
}

// panicAnswer is what a request gets whose handler panicked: where it only gave up in time, that it was late.
func (c *call) panicAnswer() *reply {
	if c.gaveUp {
		return lateAnswer()
	}
	return failure(http.StatusInternalServerError, "internal server error")
}

// shortAnswer is what a request gets whose handler wrote less than it announced, where net/http closes the connection.
func shortAnswer() *reply {
	return failure(http.StatusInternalServerError, "the answer is shorter than it was announced")
}
