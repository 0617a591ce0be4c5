package handlers

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"time"
)

// readBody reads the request's body into buf, up to the limit, and tells a client's errors from a slow client.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer) error {
	limit := a.deps.MaxBody
	if r.ContentLength > limit {
		return errBodyTooLarge
	}
	body := r.Body
	if r.ContentLength < 0 { // A length that was announced is a limit already: net/http reads no further.
		body = http.MaxBytesReader(w, body, limit)
	}
	deadline, bounded := a.bodyDeadline(r.Context())
	if bounded {
		setReadDeadline(w, deadline)
	}
	buf.Grow(int(min(max(r.ContentLength, 0), firstGrowth)) + bytes.MinRead) // MinRead: ReadFrom grows for the EOF
	if _, err := buf.ReadFrom(body); err != nil {
		return bodyError(r.Context(), err)
	}
	if bounded {
		// net/http reads on to notice that the client leaves. A timeout there must not look like that.
		setReadDeadline(w, time.Time{})
	}
	return nil
}

// bodyError tells what went wrong when reading a body failed with err.
func bodyError(ctx context.Context, err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errBodyTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded) && deadlinePassed(ctx):
		// Said here, for net/http takes every failed read for a client that left, and cancels ctx.
		return errors.Join(errOverdue, errBodySlow)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errBodySlow
	default:
		return errBodyInvalid
	}
}

// bodyDeadline is the time until which the body is read of a request that has a deadline: that one, or the end of the
// server's own timeout if it comes first. Without one the server's timeout is in force already.
func (a *API) bodyDeadline(ctx context.Context) (deadline time.Time, ok bool) {
	deadline, ok = ctx.Deadline()
	if !ok || a.deps.ServerTimeout <= 0 {
		return deadline, ok
	}
	if timeout := time.Now().Add(a.deps.ServerTimeout); timeout.Before(deadline) {
		return timeout, true
	}
	return deadline, true
}

// setReadDeadline bounds the reading of the request. A platform that hands over whole bodies has nothing to bound.
func setReadDeadline(w http.ResponseWriter, deadline time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(deadline)
}
