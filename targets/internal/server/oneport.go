package server

import (
	"net/http"
	"strings"
	"time"
)

// onePort tells gRPC from the API by the content type, as gRPC's protocol demands one
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
type onePort struct{ api, grpc http.Handler }

func (p *onePort) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isGRPC(r) {
		p.api.ServeHTTP(w, r)
		return
	}
	// Calls bring deadlines of their own, and streams last as long as their clients like.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	p.grpc.ServeHTTP(w, r)
}

func isGRPC(r *http.Request) bool {
	rest, found := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	return found && r.ProtoMajor == 2 && (rest == "" || rest[0] == '+' || rest[0] == ';')
}
