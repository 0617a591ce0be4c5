package adapter

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Kind is a kind of HTTP event.
type Kind string

// The kinds of HTTP event. Whether a function URL streams, or a REST API, no event tells.
const (
	RESTAPI       Kind = "API Gateway REST API"  // payload format 1.0, an HTTP API's too
	HTTPAPI       Kind = "API Gateway HTTP API"  // payload format 2.0
	FunctionURL   Kind = "function URL"          // payload format 2.0
	ALB           Kind = "load balancer"         // an Application Load Balancer's target group
	ALBMultiValue Kind = "load balancer (multi)" // the same, with multi-value headers enabled
)

// Detect tells the kind of an event from the event alone. The payload is valid JSON, as aws-lambda-go hands it over.
// Where the event is no HTTP request of a known kind the error is an *UnknownEventError.
func Detect(payload json.RawMessage) (Kind, error) {
	e := parse(payload)
	kind, ok := e.kind()
	if !ok {
		return "", unknown(payload)
	}
	return kind, nil
}

func (e *event) kind() (Kind, bool) {
	switch {
	case e.context.elb && isObject(e.multiHeaders):
		return ALBMultiValue, true
	case e.context.elb:
		return ALB, true
	case e.version == "2.0" && e.context.http && isFunctionURL(e.context.domain):
		return FunctionURL, true
	case e.version == "2.0" && e.context.http:
		return HTTPAPI, true
	case e.method != "" && e.path != "" && e.context.seen:
		return RESTAPI, true
	default:
		return "", false
	}
}

// isFunctionURL tells a function URL's own domain, <url-id>.lambda-url.<region>.on.aws, the only one that it can have.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
func isFunctionURL(domain string) bool { return strings.Contains(domain, ".lambda-url.") }

// UnknownEventError says that an event is no HTTP request that an Adapter knows.
type UnknownEventError struct {
	// Keys are the names at the event's top level, the first few of them; its values may be anybody's secrets.
	Keys []string
}

// Error names what was expected, and what the event had instead.
func (e *UnknownEventError) Error() string {
	seen := "the event has no names"
	if len(e.Keys) > 0 {
		seen = "the event has " + strings.Join(e.Keys, ", ")
	}
	return fmt.Sprintf("the event is no HTTP request: expected one of API Gateway (httpMethod, path and requestContext, "+
		"or version 2.0 and requestContext.http), of a function URL (the same) or of an Application Load Balancer "+
		"(requestContext.elb); %s", seen)
}

// An error's text stays readable, whatever the event.
const (
	maxKeys   = 16
	maxKeyLen = 64
)

func unknown(payload []byte) *UnknownEventError {
	err := &UnknownEventError{}
	for name := range members(payload) {
		if len(err.Keys) == maxKeys {
			break
		}
		err.Keys = append(err.Keys, fmt.Sprintf("%.*q", maxKeyLen, unquote(name)))
	}
	return err
}
