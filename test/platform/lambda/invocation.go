package lambda

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// payloadLimit bounds the event and a buffered response, in bytes: 6 MB and some room for what is around them.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	payloadLimit = 6_291_556
	// streamLimit bounds a streamed response, in bytes.
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
	streamLimit = 200 << 20
)

// Answer is what a raw invocation came to.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
type Answer struct {
	// RequestID is the id of the invocation, and Trace the X-Ray header that the function got with it.
	RequestID, Trace string
	// Body is the payload of the response, or the error object of a function that failed.
	Body []byte
	// FunctionError is "Unhandled" if the function failed, "" otherwise. ErrorType and ErrorMessage come from the
	// error object.
	FunctionError, ErrorType, ErrorMessage string
	// ContentType is what the runtime called the response.
	ContentType string
	// Chunks are the parts of a streamed response, as they came. A buffered one has none.
	Chunks []Chunk
	// Trailer holds the trailers that the runtime sent behind the response.
	Trailer http.Header
}

// Chunk is a part of a streamed response.
type Chunk struct {
	At   time.Time
	Data []byte
}

// Invoke runs the function on payload, an event in JSON, without a front door, and waits for the whole response. For
// FunctionURLStream it asks for a streamed response, as InvokeWithResponseStream does. The error is about the
// invocation itself: a function that fails does so in the Answer.
func (f *Function) Invoke(ctx context.Context, payload []byte) (Answer, error) {
	inv := newInvocation(payload, "", f.o.Shape.streams())
	if len(payload) > payloadLimit {
		return Answer{}, errPayloadTooLarge
	}
	r, err := f.invoke(ctx, inv)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{RequestID: inv.id, Trace: inv.trace, ContentType: r.contentType, Body: r.body}
	fault := r.fault
	if r.stream != nil {
		a.Body, err = io.ReadAll(r.stream.reader(ctx))
		a.Chunks = r.stream.parts()
		if err != nil && !errors.As(err, &fault) {
			return Answer{}, err
		}
	}
	a.Trailer = inv.trailers()
	if fault != nil {
		a.FunctionError, a.ErrorType, a.ErrorMessage = "Unhandled", fault.Type, fault.Message
		if r.stream == nil {
			a.Body = fault.object()
		}
	}
	return a, nil
}

// errPayloadTooLarge is what Lambda says of an event that is too large, RequestTooLargeException.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
var errPayloadTooLarge = fmt.Errorf("the event is larger than the %d bytes that Lambda takes", payloadLimit)

// invoke waits for the function's turn, runs it, and returns as soon as there is a response or the beginning of a
// streamed one. A caller who leaves changes nothing for the function, which runs on.
func (f *Function) invoke(ctx context.Context, inv *invocation) (reply, error) {
	select {
	case <-f.turn:
	case <-ctx.Done():
		return reply{}, fmt.Errorf("waiting for the function's turn: %w", ctx.Err())
	}
	if !f.spawn(func() {
		f.carry(inv)
		f.turn <- struct{}{}
	}) {
		f.turn <- struct{}{}
		return reply{}, errors.New("the test that owns the function is over")
	}
	select {
	case <-inv.answered:
		return inv.reply, nil
	case <-ctx.Done():
		return reply{}, fmt.Errorf("waiting for the function's response: %w", ctx.Err())
	}
}

// spawn runs work beside the caller, and tells whether it could: not when the test is over.
func (f *Function) spawn(work func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.running.Go(work)
	return true
}

// carry sees an invocation through, until the environment is ready for the next one or dead. An Init phase that fails
// is repeated once as a part of the invocation.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
func (f *Function) carry(inv *invocation) {
	var fault *functionError
	for range 2 {
		box, err := f.sandbox()
		if err != nil {
			inv.fail(&functionError{Type: "Runtime.Unknown", Message: err.Error()})
			return
		}
		if fault = box.awaitInit(f.o.InitTimeout); fault == nil {
			box.serve(inv, f.o.Timeout)
			return
		}
	}
	inv.fail(fault)
}

// functionError is why an invocation failed.
type functionError struct {
	// Type and Message are the errorType and errorMessage of the error object.
	Type, Message string
	// raw is the error object as the function wrote it, nil if Lambda itself found the fault.
	raw []byte
}

// Error says what failed.
func (f *functionError) Error() string { return f.Type + ": " + f.Message }

// object returns the error object.
func (f *functionError) object() []byte {
	if f.raw != nil {
		return f.raw
	}
	return encode(errorObject{Type: f.Type, Message: f.Message})
}

// errorObject is how errors look in the Runtime API, both ways.
type errorObject struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// reported returns the fault that a runtime described with an error object and a header or trailer.
func reported(errorType string, object []byte) *functionError {
	var o errorObject
	if err := json.Unmarshal(object, &o); err != nil {
		object = nil // Lambda hands on what it can read
	}
	if o.Type == "" {
		o.Type = errorType
	}
	return &functionError{Type: o.Type, Message: o.Message, raw: object}
}

// invocation is an event on its way through the function.
type invocation struct {
	id, trace string
	payload   []byte
	streaming bool          // the caller asked for a streamed response
	deadline  time.Time     // set when the runtime gets the event
	answered  chan struct{} // closed once reply is set

	mu      sync.Mutex
	taken   bool // the runtime has begun to respond
	sent    bool // it is done with that
	reply   reply
	trailer http.Header
}

// reply is what came of an invocation: exactly one of body, stream and fault.
type reply struct {
	contentType string
	body        []byte
	stream      *stream
	fault       *functionError
}

func newInvocation(payload []byte, trace string, streaming bool) *invocation {
	return &invocation{
		id: newID(), trace: traceHeader(trace), payload: payload, streaming: streaming, answered: make(chan struct{}),
	}
}

// take notes that the runtime responds, and tells whether it is the first time.
func (i *invocation) take() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	first := !i.taken
	i.taken = true
	return first
}

// done notes that the runtime has responded.
func (i *invocation) done() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sent = true
}

// responded tells whether the runtime has responded.
func (i *invocation) responded() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sent
}

// answer gives the caller its reply, unless it has one.
func (i *invocation) answer(r reply) {
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case <-i.answered:
	default:
		i.reply = r
		close(i.answered)
	}
}

// fail ends the invocation with a fault. A stream that is under way breaks off; what is complete stays as it is.
func (i *invocation) fail(fault *functionError) {
	i.answer(reply{fault: fault})
	if i.reply.stream != nil {
		i.reply.stream.close(fault)
	}
}

func (i *invocation) setTrailers(h http.Header) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.trailer = h.Clone()
}

func (i *invocation) trailers() http.Header {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.trailer
}

// stream is a response that comes in parts. It keeps all of them, so that a caller who is slow or gone does not hold
// up the function.
type stream struct {
	mu     sync.Mutex
	chunks []Chunk
	err    error         // why the stream ended, io.EOF if it is complete; nil while it runs
	news   chan struct{} // closed when something happens, and replaced
}

func newStream() *stream { return &stream{news: make(chan struct{})} }

func (s *stream) add(data []byte) {
	s.change(func() { s.chunks = append(s.chunks, Chunk{At: time.Now(), Data: data}) })
}

// close ends the stream with err, io.EOF for a complete one.
func (s *stream) close(err error) { s.change(func() { s.err = err }) }

// change does something to a stream that has not ended.
func (s *stream) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	do()
	close(s.news)
	s.news = make(chan struct{})
}

// parts returns the chunks so far.
func (s *stream) parts() []Chunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chunks[:len(s.chunks):len(s.chunks)]
}

// next returns chunk i, or waits for it.
func (s *stream) next(ctx context.Context, i int) ([]byte, error) {
	for {
		s.mu.Lock()
		chunks, err, news := s.chunks, s.err, s.news
		s.mu.Unlock()
		switch {
		case i < len(chunks):
			return chunks[i].Data, nil
		case err != nil:
			return nil, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// reader returns the stream from its beginning, for as long as ctx lasts.
func (s *stream) reader(ctx context.Context) io.Reader { return &streamReader{ctx: ctx, stream: s} }

type streamReader struct {
	ctx    context.Context // of the caller, as in http.Request
	stream *stream
	i      int
	rest   []byte
}

// Read returns what is there of one chunk.
func (r *streamReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		data, err := r.stream.next(r.ctx, r.i)
		if err != nil {
			return 0, err
		}
		r.rest = data
		r.i++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// newID returns a version 4 UUID, the form of request and extension ids.
func newID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b
}

// encode returns v as JSON. Everything that is encoded here can be.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
