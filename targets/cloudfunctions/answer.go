package cloudfunctions

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/podinfo-targets/podinfo/shared/health"
)

// answer watches what becomes of a request, and announces the end of the connection once the process is to stop, so
// that keep-alive clients go elsewhere. What it hides of the server's writer is reached with http.ResponseController.
type answer struct {
	http.ResponseWriter
	health *health.State
	begun  bool
}

func (a *answer) begin() {
	a.begun = true
	if a.health.Draining() {
		a.Header().Set("Connection", "close")
	}
}

// WriteHeader announces, if need be, and sends the head, unless it is an interim one.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.begin()
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write announces, if need be, because the first of them sends the head when WriteHeader did not.
func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(p)
}

// cut closes the connection under an answer that its handler broke off by panicking with http.ErrAbortHandler, so that
// the client does not take it for whole. The framework would recover that panic, which is meant for the server, and let
// the answer end as usual. Any other panic is left to the framework, which answers 500.
func (a *answer) cut() {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	if conn, _, err := a.Hijack(); err == nil { // otherwise the handler took it over and closed it itself
		_ = conn.Close()
	}
}

// endReading bounds the wait for the rest of a body that the handler left unread. net/http takes it in before it sends
// a short answer, and the framework's server has no timeout: a client that stops sending would never read the answer.
func (a *answer) endReading(ctx context.Context, body io.ReadCloser) {
	if deadline, ok := ctx.Deadline(); ok && body != http.NoBody {
		_ = http.NewResponseController(a).SetReadDeadline(deadline)
	}
}

// Hijack hands the connection over, as for a websocket.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.begun = a.begun || err == nil
	return conn, rw, err
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
