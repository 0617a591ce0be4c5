// Package adapter serves the HTTP events of AWS Lambda with a net/http handler: those of API Gateway's REST APIs and
// HTTP APIs, of function URLs, buffered and streamed, and of Application Load Balancers.
//
// An event travels so:
//
//	payload → parse (event.go) → kind (kind.go) → *http.Request (restapi.go, httpapi.go, functionurl.go, alb.go)
//	  → handler, with a deadline (call.go) → answer (answer.go, stream.go) → reply (reply.go) → response document
//
// Each kind has its file with a link to the platform's document; its test has the document's own event. The conversions
// are those of aws-lambda-go-api-proxy behind one interface (converter.go), mended where they differ from what a
// handler is used to from net/http.
package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// Options of an Adapter. The zero value is usable.
type Options struct {
	// BasePath is the path of a custom domain's mapping, or of a load balancer's rule, that is taken off requests that
	// have it; "" is none. The name of a stage is taken off without being told.
	BasePath string
	// Prefix is the path that all paths of the handler begin with, "" if they begin with nothing. A stage that is a part
	// of it stays on: then redirects and links lead to where the client finds them.
	Prefix string
	// Streaming says that function URLs, and REST APIs, invoke the function with response streaming: their events do not
	// tell. Those of other kinds are answered whole all the same.
	Streaming bool
	// Margin is how long before the invocation's deadline a request's context ends: the time to answer 504 and to run
	// End. 0 is DefaultMargin. It never takes more than half of the invocation's time.
	Margin time.Duration
	// Begin may change a request, such as its context, before the handler sees it. nil is no change.
	Begin func(context.Context, *http.Request) *http.Request
	// End runs when the handler is done, or is not waited for any longer, before the answer or the end of the stream
	// leaves. Its context is the invocation's. nil is nothing to do.
	End func(context.Context)
	// Log is told of panics. nil is nobody.
	Log *logrus.Logger
}

// DefaultMargin is enough to send telemetry to a collector nearby.
const DefaultMargin = 500 * time.Millisecond

// Adapter serves HTTP events with a net/http handler. Make one with New; it is safe for concurrent use.
type Adapter struct {
	handler  http.Handler
	options  Options
	formats  map[Kind]format
	handlers sync.WaitGroup
}

// format is a kind of event: what request it is, and what document answers it.
type format interface {
	request(*event) (*http.Request, error)
	response(*reply) (any, error)
	// limit is how many bytes the document may have.
	limit() int
}

// streamFormat is a kind of event that can be answered with a stream.
type streamFormat interface {
	stream(*reply, io.Reader) any
}

// New returns an Adapter that serves with h.
func New(h http.Handler, o Options) *Adapter {
	if o.Margin <= 0 {
		o.Margin = DefaultMargin
	}
	o.BasePath = strings.TrimRight(o.BasePath, "/")
	if o.BasePath != "" && o.BasePath[0] != '/' {
		o.BasePath = "/" + o.BasePath
	}
	var library apiProxy
	return &Adapter{handler: h, options: o, formats: map[Kind]format{
		RESTAPI:       restAPI{library, o.BasePath, o.Prefix},
		HTTPAPI:       httpAPI{library, o.BasePath, o.Prefix},
		FunctionURL:   functionURL{library, o.BasePath},
		ALB:           alb{library, o.BasePath},
		ALBMultiValue: albMultiValue{alb{library, o.BasePath}},
	}}
}

// Invoke answers one event. What it returns is for aws-lambda-go: a response document of its package events, or one of
// its streams, to be read and closed.
//
// Every HTTP event has an answer: 400 if it makes no request, 500 if the handler panicked, 504 if the handler did not
// return in time, 413 if its answer is larger than the platform takes. The error for any other event is an
// *UnknownEventError.
func (a *Adapter) Invoke(ctx context.Context, payload json.RawMessage) (any, error) {
	e := parse(payload)
	kind, ok := e.kind()
	if !ok {
		return nil, unknown(payload)
	}
	f := a.formats[kind]
	streams, _ := f.(streamFormat)
	r, err := f.request(&e)
	switch {
	case err != nil && a.options.Streaming && streams != nil:
		refused := badRequest(err)
		return streams.stream(refused, refused.reader()), nil
	case err != nil:
		return f.response(badRequest(err))
	case a.options.Streaming && streams != nil:
		head, body := a.stream(ctx, r)
		return streams.stream(head, body), nil
	default:
		return a.whole(ctx, r, f)
	}
}

// badRequest is the answer to an event that makes no request.
func badRequest(err error) *reply {
	reason := "the event makes no request: " + err.Error() // such as a body that is not base64
	if refused := new(requestError); errors.As(err, &refused) {
		reason = refused.reason
	}
	return failure(http.StatusBadRequest, reason)
}

// whole serves a request whose answer leaves at once.
func (a *Adapter) whole(ctx context.Context, r *http.Request, f format) (any, error) {
	c := a.newCall(ctx, r)
	w := newAnswer(c.request, f.limit())
	c.run(w, func() {})
	var answered *reply
	switch {
	case c.late():
		w.abandon()
		c.end()
		answered = lateAnswer()
	case !c.ok:
		answered = c.panicAnswer()
	case w.overflow:
		answered = tooLarge(f.limit())
	case w.short():
		answered = shortAnswer()
	default:
		answered = w.reply(true)
	}
	if w.head {
		answered.dropBody()
	}
	document, err := f.response(answered)
	if err == nil && !fits(answered, document, f.limit()) {
		return f.response(tooLarge(f.limit()))
	}
	return document, err
}

// Wait waits for handlers that did not return in time, and were not waited for then. It returns ctx's error if one of
// them is still at it when ctx ends. Call it when no more events come.
func (a *Adapter) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { // ends with the last of the handlers, at the latest with the process
		a.handlers.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
