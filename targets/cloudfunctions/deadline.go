package cloudfunctions

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/podinfo-targets/podinfo/shared/health"
)

// mostMargin is how long before the platform's own timeout a request ends at most. It is what there is for the answer
// to leave in.
const mostMargin = time.Second

// withinDeadline returns the request's context with a deadline a little before the one that the framework gave it from
// CLOUD_RUN_TIMEOUT_SECONDS, when the platform answers in podinfo's place.
func withinDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(-min(time.Until(end)/10, mostMargin)))
}

// answer watches what becomes of a request, and announces the end of the connection once the process is to stop, so
// that keep-alive clients go elsewhere. What it hides of the server's writer is reached with http.ResponseController.
type answer struct {
	http.ResponseWriter
	health *health.State
	begun  bool
}

// late answers 504 to a request whose handler came back at the deadline without a word: net/http would make an empty
// 200 of that.
func (a *answer) late(ctx context.Context) {
	if !a.begun && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		writeError(a, http.StatusGatewayTimeout, "the answer was not ready within the function's timeout")
	}
}

func (a *answer) begin() {
	a.begun = true
	if a.health.Draining() {
		a.Header().Set("Connection", "close")
	}
}

// writeError answers with the error object, as the API does.
func writeError(w http.ResponseWriter, status int, message string) {
	body, _ := json.MarshalIndent(struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{status, message}, "", "  ")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
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

// Hijack hands the connection over, as for a websocket.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.begun = a.begun || err == nil
	return conn, rw, err
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
