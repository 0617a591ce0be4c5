// Package backend calls other servers on behalf of /echo: it posts one body to all of them in parallel and returns what
// they answered, as texts in the order in which they are configured.
//
// The texts are what clients see, so a backend that fails is a text as well:
//
//	<the body>                                          status below 400
//	backend <url> response status code <n>              status 400 and above
//	backend <url> call failed <error>                   no answer, none in time, or one that is too large
//
// URLs are shown without the password that they may hold.
package backend

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// MaxResponseSize bounds the body of a backend's answer, in bytes, after decompression.
const MaxResponseSize = 10 << 20

const (
	// maxParallel bounds the calls that one Call has under way at a time.
	maxParallel = 32
	// defaultTimeout is that of Options without one.
	defaultTimeout = 2 * time.Minute
)

// Options says which backends there are and how to call them.
type Options struct {
	// URLs of the backends, in the order of the answers. What is wrong with one of them, its answer tells.
	URLs []string
	// Timeout bounds each call to a backend, its answer's body included. It is two minutes if it is not above zero.
	Timeout time.Duration
	// Transport makes the calls. NewTransport is the base for one; it is what nil stands for.
	Transport http.RoundTripper
	// Version and Revision of this program are sent along in X-API-Version and X-API-Revision.
	Version, Revision string
	// Log gets a line for every failure and, at debug, for every answer.
	Log *logrus.Logger
}

// Client calls a fixed set of backends. Its methods are safe for concurrent use.
type Client struct {
	http              *http.Client
	backends          []server
	timeout           time.Duration
	version, revision []string // as header values
	log               *logrus.Logger
}

// New returns a Client for the backends in o. It connects to none of them yet. Close it in the end.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Transport == nil {
		o.Transport = NewTransport()
	}
	c := &Client{
		http:     &http.Client{Transport: o.Transport},
		timeout:  o.Timeout,
		version:  []string{o.Version},
		revision: []string{o.Revision},
		log:      o.Log,
	}
	for _, raw := range o.URLs {
		c.backends = append(c.backends, newServer(raw))
	}
	return c
}

// NewTransport returns a transport for calls that repeat: it keeps the connections to a backend that calls at the same
// time needed, up to a bound. The proxy variables of the environment hold.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     90 * time.Second,
	}
}

// Len returns the number of backends.
func (c *Client) Len() int { return len(c.backends) }

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call posts body to every backend and returns their answers in the order of the URLs. Those headers of the incoming
// request that continue a trace are sent along, and no others. When ctx ends, the calls do. Once Call has returned,
// body is the caller's again: nothing reads it any more.
func (c *Client) Call(ctx context.Context, header http.Header, body []byte) []string {
	// A copy, because a transport may go on sending after the call is over, when a backend answers early or ctx ends.
	body = bytes.Clone(body)
	outgoing := c.outgoing(header)
	answers := make([]string, len(c.backends))
	if len(c.backends) == 1 { // the usual case needs no goroutine
		answers[0] = c.call(ctx, &c.backends[0], outgoing, body)
		return answers
	}
	slots := make(chan struct{}, maxParallel)
	var calls sync.WaitGroup
	for i := range c.backends {
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			answers[i] = c.call(ctx, &c.backends[i], outgoing, body)
		})
	}
	calls.Wait()
	return answers
}

// outgoing returns the headers of a call, for all backends alike; a transport does not change those of a request.
func (c *Client) outgoing(incoming http.Header) http.Header {
	names := forwarded()
	h := make(http.Header, len(names)+2)
	for _, name := range names {
		if values := incoming[name]; len(values) > 0 {
			h[name] = values[:1:1]
		}
	}
	h["X-Api-Version"] = c.version
	h["X-Api-Revision"] = c.revision
	return h
}

// forwarded lists the headers that continue a trace, as http.Header spells them: a request's id, those of Zipkin's B3
// (https://github.com/openzipkin/b3-propagation) and of OpenTracing. That of W3C trace context is not among them,
// because it names the span of its sender: the transport sets it when tracing is on.
func forwarded() [7]string {
	return [...]string{
		"X-Request-Id",
		"X-B3-Traceid",
		"X-B3-Spanid",
		"X-B3-Parentspanid",
		"X-B3-Sampled",
		"X-B3-Flags",
		"X-Ot-Span-Context",
	}
}
