package adapter

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
)

// StreamCutError is the end of a stream that has begun and cannot be finished. The Runtime API gets it as the stream's
// error trailers, so that the platform knows that what it passed on is not the whole.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
type StreamCutError struct{ Reason string }

func (e *StreamCutError) Error() string { return "the response was cut: " + e.Reason }

// held is how much of an answer is held back until it is flushed, as net/http does: an answer that ends before is known
// whole, so that it has its length.
const held = 2048

// streamAnswer is the http.ResponseWriter of a request whose answer streams. Once the answer has begun, by Flush or by
// more than is held, every Write is a part of its own and returns when the platform has taken it.
type streamAnswer struct {
	*answer
	heads chan head // takes one without waiting: the first counts
	began bool
	pipe  *io.PipeWriter
}

// head is the beginning of a stream, or all of it.
type head struct {
	*reply
	whole bool // nothing follows
}

// newStreamAnswer also returns the body that follows a head that is not whole.
func newStreamAnswer(r *http.Request) (*streamAnswer, *io.PipeReader) {
	reader, writer := io.Pipe()
	return &streamAnswer{answer: newAnswer(r, held), heads: make(chan head, 1), pipe: writer}, reader
}

// Write adds to the body.
func (a *streamAnswer) Write(p []byte) (int, error) {
	if err := a.accept(p); err != nil {
		return 0, err
	}
	if a.written > streamLimit {
		a.overflow = true
		return 0, errTooLarge
	}
	if a.head || !a.began && a.body.Len()+len(p) <= held {
		return a.keep(p)
	}
	n := 0
	if !a.began { // The first part is what net/http would send as such, and look at for the type.
		n, _ = a.keep(p[:held-a.body.Len()])
		a.begin()
	}
	if n == len(p) {
		return n, nil
	}
	m, err := a.pipe.Write(p[n:])
	return n + m, err
}

// Flush begins the answer; what is written afterwards leaves at once.
func (a *streamAnswer) Flush() { _ = a.FlushError() }

// FlushError is Flush for http.ResponseController.
func (a *streamAnswer) FlushError() error {
	if a.abandoned.Load() {
		return http.ErrHandlerTimeout
	}
	a.begin()
	return nil
}

func (a *streamAnswer) begin() {
	if a.began {
		return
	}
	a.began = true
	r := a.reply(false)
	if a.announced > streamLimit {
		a.overflow = true
		a.abandon()
		a.offer(a.whole(tooLarge(streamLimit)))
		return
	}
	a.offer(head{reply: r})
}

// offer gives the stream its head, unless it has one.
func (a *streamAnswer) offer(h head) {
	select {
	case a.heads <- h:
	default:
	}
}

// finish ends the stream, after the handler of c has returned or panicked. What did not begin is an answer whole.
func (a *streamAnswer) finish(c *call) {
	if a.began {
		_ = a.pipe.CloseWithError(a.cause(c)) // nil is the regular end
		return
	}
	switch {
	case !c.ok:
		a.offer(a.whole(c.panicAnswer()))
	case a.short():
		a.offer(a.whole(shortAnswer()))
	default:
		a.offer(a.whole(a.reply(true)))
	}
}

// cut ends the stream of a handler that takes too long, whose own writes fail from now on.
func (a *streamAnswer) cut() {
	a.abandon()
	a.offer(a.whole(lateAnswer()))
	_ = a.pipe.CloseWithError(lateCut())
}

// lateCut is the end of a stream that would outlive its invocation.
func lateCut() *StreamCutError { return &StreamCutError{"it took longer than the function may run"} }

// whole is an answer that ends with its beginning. It has its length, even 0: a function URL answers in chunks and
// sends no last chunk after an empty body, so that a client who is not told the length waits until the connection times
// out. https://github.com/aws/aws-lambda-go/issues/596, https://github.com/aws/aws-lambda-web-adapter/issues/499
func (a *streamAnswer) whole(r *reply) head {
	switch {
	case !bodyAllowed(r.status):
	case a.head:
		r.dropBody()
	default:
		r.header["Content-Length"] = []string{strconv.Itoa(len(r.body))}
	}
	return head{r, true}
}

// cause is why a stream that has begun is cut, nil where it is whole.
func (a *streamAnswer) cause(c *call) error {
	switch {
	case c.gaveUp:
		return lateCut()
	case !c.ok:
		return &StreamCutError{"the handler panicked"}
	case a.overflow:
		return &StreamCutError{"it is larger than the " + strconv.Itoa(streamLimit) + " bytes that the platform streams"}
	case a.short():
		return &StreamCutError{"it is shorter than its Content-Length"}
	default:
		return nil
	}
}

// stream serves a request whose answer streams, and returns when the answer begins.
func (a *Adapter) stream(ctx context.Context, r *http.Request) (*reply, io.ReadCloser) {
	c := a.newCall(ctx, r)
	w, rest := newStreamAnswer(c.request)
	stop := context.AfterFunc(c.request.Context(), func() {
		if c.late() {
			c.end()
			w.cut()
		}
	})
	c.run(w, func() {
		stop()
		w.finish(c)
	})
	h := <-w.heads
	if h.whole {
		return h.reply, io.NopCloser(bytes.NewReader(h.body))
	}
	return h.reply, &streamBody{first: h.body, rest: rest, cancel: c.cancel}
}

// streamBody is a stream's body: what was held until it began, and what is written from then on.
type streamBody struct {
	first  []byte
	rest   *io.PipeReader
	cancel context.CancelFunc
}

// Read returns each part as it was written.
func (b *streamBody) Read(p []byte) (int, error) {
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	return b.rest.Read(p)
}

// Close tells the handler that nobody reads on: its context ends and its writes fail. aws-lambda-go calls it after
// every answer, whole or not.
func (b *streamBody) Close() error {
	b.cancel()
	return b.rest.Close()
}
