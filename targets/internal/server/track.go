package server

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/podinfo-targets/podinfo/shared/health"
	"github.com/podinfo-targets/podinfo/shared/traffic"
)

// tracker counts the requests on every kind of connection, and announces the end of the connection in every answer
// whose head goes out once the server drains (RFC 9112 §9.6; an HTTP/2 server sends GOAWAY for it). Keep-alive clients
// go elsewhere then, and none finds its connection closed under a request.
type tracker struct {
	next      http.Handler
	health    *health.State
	requests  traffic.Counter
	streams   func() int64 // of gRPC, among the requests
	lingering atomic.Bool  // draining, but not leaving yet
}

func newTracker(o Options) *tracker {
	t := &tracker{next: o.API, health: o.Health, streams: func() int64 { return 0 }}
	if o.ShareGRPC {
		t.next, t.streams = &onePort{api: o.API, grpc: o.GRPC}, o.GRPC.Streams
	}
	return t
}

// inFlight is the number of requests that are not answered yet. Connections that were taken over, as websockets are,
// and streams of gRPC are not among them: neither ends by itself.
func (t *tracker) inFlight() int64 {
	return max(0, t.requests.InFlight()-t.streams())
}

// watch returns a function that tells whether a request is in flight, or has begun since it was last asked.
func (t *tracker) watch() (busy func() bool) { return t.requests.Watch(t.inFlight) }

func (t *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.requests.Begin()
	a := answers.Get().(*answer)
	*a = answer{ResponseWriter: w, tracker: t}
	defer a.end()
	t.next.ServeHTTP(a, r)
}

// answer makes the announcement at the last moment, for a request may have begun long before the server drains. It is
// pooled; a handler must not keep it after it returned. What it hides is reached with http.ResponseController.
type answer struct {
	http.ResponseWriter
	tracker  *tracker
	hijacked bool
}

var answers = sync.Pool{New: func() any { return new(answer) }}

func (a *answer) end() {
	if !a.hijacked {
		a.tracker.requests.End()
	}
	*a = answer{}
	answers.Put(a)
}

func (a *answer) announce() {
	if a.tracker.health.Draining() && !a.tracker.lingering.Load() {
		a.Header().Set("Connection", "close")
	}
}

// WriteHeader announces, if need be, and sends the head.
func (a *answer) WriteHeader(status int) {
	a.announce()
	a.ResponseWriter.WriteHeader(status)
}

// Write announces, if need be, because the first of them sends the head when WriteHeader did not.
func (a *answer) Write(p []byte) (int, error) {
	a.announce()
	return a.ResponseWriter.Write(p)
}

// Flush announces, if need be, and sends what is written so far.
func (a *answer) Flush() {
	a.announce()
	_ = http.NewResponseController(a.ResponseWriter).Flush() // The next write tells what went wrong.
}

// Hijack hands the connection over, which ends the request.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil {
		a.hijacked = true
		a.tracker.requests.End()
	}
	return conn, rw, err
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
