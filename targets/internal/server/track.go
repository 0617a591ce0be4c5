package server

import (
	"net/http"
	"sync/atomic"

	"github.com/podinfo-targets/podinfo/shared/health"
)

// tracker counts the requests in flight, on every kind of connection, and announces the end of the connection once the
// server drains (RFC 9112 §9.6; an HTTP/2 server sends GOAWAY for it). Keep-alive clients go elsewhere before the
// listener closes, and none finds its idle connection closed under a request.
type tracker struct {
	next     http.Handler
	health   *health.State
	inFlight atomic.Int64
}

func (t *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.inFlight.Add(1)
	defer t.inFlight.Add(-1)
	if t.health.Draining() {
		w.Header().Set("Connection", "close")
	}
	t.next.ServeHTTP(w, r)
}
