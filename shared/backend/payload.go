package backend

import (
	"io"
	"net/http"
	"os"
	"sync"
)

// payload is the body of the calls. A transport may go on reading the body of a request after the call has returned,
// when a backend answers early or the call is given up; so it reads it through a payload, which is revoked then.
type payload struct {
	mu   sync.RWMutex
	data []byte
	gone bool
}

// attach makes the payload the body of r.
func (p *payload) attach(r *http.Request) {
	if len(p.data) == 0 {
		return // r has no body yet, and that says so with a Content-Length of 0
	}
	r.ContentLength = int64(len(p.data))
	r.Body = &reader{payload: p}
	// The transport sends the body again when a connection was closed before it could be used.
	r.GetBody = func() (io.ReadCloser, error) { return &reader{payload: p}, nil }
}

// revoke returns when nobody reads the data any more, and nobody will.
func (p *payload) revoke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.data, p.gone = nil, true
}

// reader reads a payload from the beginning.
type reader struct {
	*payload
	offset int
}

func (r *reader) Read(b []byte) (int, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.gone {
		return 0, os.ErrClosed
	}
	if r.offset == len(r.data) {
		return 0, io.EOF
	}
	n := copy(b, r.data[r.offset:])
	r.offset += n
	return n, nil
}

func (r *reader) Close() error { return nil }
