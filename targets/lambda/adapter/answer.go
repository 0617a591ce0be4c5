package adapter

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// answer is the http.ResponseWriter of one request. It behaves as net/http's does: the first final WriteHeader counts
// and freezes the header, a handler that writes nothing has answered 200, and a body has its type sniffed where
// net/http would. It is no Flusher and no Hijacker: a buffered answer leaves at once and whole.
//
// Like net/http's it is for one goroutine at a time; only abandon may be called beside.
type answer struct {
	head  bool // a HEAD request: the body is counted, not kept
	limit int  // the most of a body that is kept

	header    http.Header // the handler's
	frozen    http.Header // what was in it at WriteHeader, nil before
	status    int
	announced int64 // Content-Length as the handler set it, -1 where it did not
	written   int64
	body      bytes.Buffer
	overflow  bool // the body went over the limit
	abandoned atomic.Bool
}

var errTooLarge = errors.New("the response is larger than the platform takes")

func newAnswer(r *http.Request, limit int) *answer {
	return &answer{head: r.Method == http.MethodHead, limit: limit, header: make(http.Header), announced: -1}
}

// Header is the header that WriteHeader freezes.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader sets the status, once. Interim answers (1xx) are dropped, as no event has room for them. Like net/http it
// panics on what is no status.
func (a *answer) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	if a.status != 0 || status < http.StatusOK {
		return
	}
	a.status = status
	a.frozen = a.header.Clone()
	clean(a.frozen)
	if length, err := strconv.ParseInt(a.frozen.Get("Content-Length"), 10, 64); err == nil && length >= 0 {
		a.announced = length
	} else {
		delete(a.frozen, "Content-Length")
	}
}

// Write adds to the body. Its errors are net/http's: ErrBodyNotAllowed, ErrContentLength, and ErrHandlerTimeout once
// the request was answered without the handler.
func (a *answer) Write(p []byte) (int, error) {
	if err := a.accept(p); err != nil {
		return 0, err
	}
	return a.keep(p)
}

// accept tells whether p may be written, and counts it.
func (a *answer) accept(p []byte) error {
	if a.abandoned.Load() {
		return http.ErrHandlerTimeout
	}
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if len(p) == 0 {
		return nil
	}
	if !bodyAllowed(a.status) {
		return http.ErrBodyNotAllowed
	}
	if a.announced >= 0 && a.written+int64(len(p)) > a.announced {
		return http.ErrContentLength
	}
	a.written += int64(len(p))
	return nil
}

// sniffed is how much of a body http.DetectContentType looks at.
const sniffed = 512

func (a *answer) keep(p []byte) (int, error) {
	if a.head {
		a.body.Write(p[:max(0, min(len(p), sniffed-a.body.Len()))])
		return len(p), nil
	}
	if a.body.Len()+len(p) > a.limit {
		a.overflow = true
		return 0, errTooLarge
	}
	return a.body.Write(p)
}

// abandon makes every further write fail: the request was answered without the handler.
func (a *answer) abandon() { a.abandoned.Store(true) }

// reply is the answer so far; complete says that nothing follows.
func (a *answer) reply(complete bool) *reply {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	r := &reply{status: a.status, header: a.frozen, body: a.body.Bytes()}
	if !bodyAllowed(a.status) {
		delete(r.header, "Content-Length")
		if a.status == http.StatusNotModified {
			delete(r.header, "Content-Type")
		}
		return r
	}
	a.sniff(r)
	if len(r.header["Content-Type"]) == 0 {
		delete(r.header, "Content-Type")
	}
	if a.head {
		r.body = nil
		if complete && a.announced < 0 && a.written > 0 {
			r.header["Content-Length"] = []string{strconv.FormatInt(a.written, 10)}
		}
	}
	return r
}

// sniff sets the type of a body where net/http would.
func (a *answer) sniff(r *reply) {
	if len(r.body) == 0 || r.header.Get("Content-Encoding") != "" {
		return
	}
	if _, typed := r.header["Content-Type"]; !typed {
		r.header["Content-Type"] = []string{http.DetectContentType(r.body)}
	}
}

// short tells whether less was written than announced, which a client would take for a broken connection.
func (a *answer) short() bool {
	return !a.head && bodyAllowed(a.status) && a.announced >= 0 && a.written != a.announced
}

// bodyAllowed tells the statuses whose answers have a body (RFC 9110 §6.4.1).
func bodyAllowed(status int) bool {
	return status >= http.StatusOK && status != http.StatusNoContent && status != http.StatusNotModified
}

// clean takes out of a header what net/http would not send, and what is between the platform and its client: the
// connection (RFC 9110 §7.6.1), the framing and the trailers.
func clean(h http.Header) {
	for name, values := range h {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade":
			delete(h, name)
			continue
		}
		if len(values) == 0 && name != "Content-Type" || !isToken(name) { // a nil type asks not to sniff
			delete(h, name)
			continue
		}
		for i, value := range values {
			if strings.ContainsAny(value, "\r\n") {
				values[i] = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
			}
		}
	}
}
