package handlers

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"
)

// longest is the longest wait, in seconds, that a time.Duration can hold.
const longest = int64(math.MaxInt64 / time.Second)

// status answers /status/{code} with that status. 1xx are no answers but announcements of one, and net/http takes
// nothing of more than three digits.
func (a *API) status(w http.ResponseWriter, r *http.Request) {
	code, ok := wholeNumber(mux.Vars(r)["code"], 999)
	if !ok || code < http.StatusOK {
		WriteError(w, http.StatusBadRequest, "status must be a number from 200 to 999")
		return
	}
	writeJSON(w, int(code), map[string]int64{"status": code})
}

// delay answers GET /delay/{wait} after that many seconds, or before if the request ends first.
func (a *API) delay(w http.ResponseWriter, r *http.Request) {
	seconds, ok := wholeNumber(mux.Vars(r)["wait"], longest)
	if !ok {
		WriteError(w, http.StatusBadRequest, "wait must be a number of seconds up to "+strconv.FormatInt(longest, 10))
		return
	}
	if !a.hold(w, r, seconds) {
		ended(w, r)
		return
	}
	sendJSON(w, http.StatusOK, delayBody(seconds))
}

// chunked answers /chunked/{wait}: the head at once, and one chunk after that many seconds. Without a number, or with
// one that no clock can count, it picks one from ten seconds up to the server's timeout.
func (a *API) chunked(w http.ResponseWriter, r *http.Request) {
	seconds, ok := wholeNumber(mux.Vars(r)["wait"], longest)
	if !ok {
		seconds = a.randomWait()
	}
	setJSON(w)
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // Where nothing can be streamed the answer comes whole, at the end.
	if !a.hold(w, r, seconds) {
		panic(http.ErrAbortHandler) // A stream that ended as usual would say that it is whole.
	}
	_, _ = w.Write(delayBody(seconds))
}

// hold waits that many seconds and moves the connection's deadlines past them, so that the answer is not cut by the
// server's own timeout. It reports false at once when the request ends: its client leaves, or its deadline passes.
func (a *API) hold(w http.ResponseWriter, r *http.Request, seconds int64) bool {
	d := time.Duration(seconds) * time.Second
	a.extendDeadlines(w, d)
	return wait(r.Context(), d)
}

// randomWait is a whole number of seconds from ten up to, and without, the server's timeout.
func (a *API) randomWait() int64 {
	const least = 10
	span := int64(a.deps.ServerTimeout/time.Second) - least
	return least + rand.Int64N(max(span, 1)) //nolint:gosec // a wait, not a secret
}

// extendDeadlines gives this request d on top of the server's timeout. The read deadline matters too: net/http reads
// on behind a running handler to notice that the client left, and takes a timeout there for just that.
func (a *API) extendDeadlines(w http.ResponseWriter, d time.Duration) {
	deadline := time.Time{} // none: the wait is longer than a deadline can say, or the server has no timeout
	if grace := a.deps.ServerTimeout; grace > 0 && d < math.MaxInt64-grace {
		deadline = time.Now().Add(d + grace)
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(deadline) // A platform without deadlines of its own needs none moved.
	_ = c.SetWriteDeadline(deadline)
}

// wait lets d pass and reports true, or reports false at once when the request ends first. Without a wait there is an
// answer even for a client that seems to have left: it may have closed its own end of the connection only.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// overdue tells whether the deadline has passed that the platform set for a request. A client that left before it is
// another matter.
func overdue(ctx context.Context) bool {
	if err := ctx.Err(); err != nil {
		return errors.Is(err, context.DeadlineExceeded)
	}
	return deadlinePassed(ctx)
}

// deadlinePassed looks at the time: what waited on a connection with the same deadline may be here before the context's
// own clock struck.
func deadlinePassed(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

func delayBody(seconds int64) []byte {
	return append(strconv.AppendInt([]byte("{\n  \"delay\": "), seconds, 10), "\n}"...)
}

// wholeNumber parses a route's whole number, which its pattern made sure is digits. It reports whether the number is at
// most limit.
func wholeNumber(digits string, limit int64) (int64, bool) {
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n <= limit
}
