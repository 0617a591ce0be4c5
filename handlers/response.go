package handlers

import (
	"bufio"
	"net"
	"net/http"
	"sync"
)

// response watches what a handler answers. It is pooled, so a handler must not keep it after it returned; what it
// hides of the server's writer is reached with http.ResponseController through Unwrap.
type response struct {
	http.ResponseWriter
	status      int
	bytes       int64
	wroteHeader bool
	hijacked    bool
}

var responses = sync.Pool{New: func() any { return new(response) }}

func newResponse(w http.ResponseWriter) *response {
	resp := responses.Get().(*response)
	*resp = response{ResponseWriter: w}
	return resp
}

// release gives the response back. Nothing may use it afterwards.
func (r *response) release() {
	*r = response{}
	responses.Put(r)
}

// Status is what the client was answered. A handler that wrote nothing answers 200, as net/http has it.
func (r *response) Status() int {
	if r.hijacked {
		return http.StatusSwitchingProtocols
	}
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// WriteHeader notes the first final status; the 1xx before it are interim answers.
func (r *response) WriteHeader(status int) {
	if !r.wroteHeader && status >= http.StatusOK {
		r.wroteHeader = true
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts the body's bytes.
func (r *response) Write(p []byte) (int, error) {
	r.wroteHeader = true
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Hijack hands the connection over: the websocket library asks for it by type, not through Unwrap.
func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	r.hijacked = err == nil
	return conn, rw, err
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }
