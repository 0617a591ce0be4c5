// Package adapter serves the HTTP events of AWS Lambda with a net/http handler.
package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
)

// Options of an Adapter. The zero value is usable.
type Options struct {
	BasePath  string                                             // path of a custom domain's mapping to strip, "" none; a stage is stripped without being told
	Streaming bool                                               // events of function URLs and REST APIs are answered as streams: they don't tell it themselves
	Margin    time.Duration                                      // how long before the invocation's deadline a request is answered 504; 0 is DefaultMargin
	Begin     func(context.Context, *http.Request) *http.Request // may change the request before the handler sees it
	End       func(context.Context)                              // runs when the handler is done, before its answer leaves
	Log       *logrus.Logger                                     // where panics are reported; nil is nowhere
}

// DefaultMargin leaves time to report an answer, and to flush telemetry, before the invocation's deadline.
const DefaultMargin = 500 * time.Millisecond

// Adapter serves Lambda events with a net/http handler. It is safe for concurrent use.
type Adapter struct {
	handler http.Handler
	options Options
}

// New returns an Adapter that serves with h.
func New(h http.Handler, o Options) *Adapter { return &Adapter{handler: h, options: o} }

// Invoke answers one event with what aws-lambda-go sends back: a JSON document, or a stream.
func (a *Adapter) Invoke(_ context.Context, payload json.RawMessage) (any, error) {
	if _, err := Detect(payload); err != nil {
		return nil, err
	}
	return nil, errors.New("not served yet")
}

// Kind is a kind of HTTP event.
type Kind string

// The kinds of HTTP events.
const (
	RESTAPI       Kind = "API Gateway REST API (payload format 1.0)"
	HTTPAPI       Kind = "API Gateway HTTP API (payload format 2.0)"
	FunctionURL   Kind = "Lambda function URL"
	ALB           Kind = "Application Load Balancer"
	ALBMultiValue Kind = "Application Load Balancer with multi-value headers"
)

// Detect tells the kind of an event by the event itself. Its error is an *UnknownEventError.
func Detect(json.RawMessage) (Kind, error) { return "", &UnknownEventError{} }

// UnknownEventError says that an event is no HTTP request of a kind that is served.
type UnknownEventError struct {
	Keys []string // the top-level keys that were seen, never their values
}

func (e *UnknownEventError) Error() string { return "unknown event" }
