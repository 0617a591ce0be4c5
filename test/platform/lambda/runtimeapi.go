package lambda

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// api returns the Runtime API and the Extensions API of the sandbox.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
func (s *sandbox) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", s.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", s.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", s.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", s.initError)
	mux.HandleFunc("POST /2020-01-01/extension/register", s.register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", s.extensionNext)
	mux.HandleFunc("POST /2020-01-01/extension/init/error", s.extensionError)
	mux.HandleFunc("POST /2020-01-01/extension/exit/error", s.extensionError)
	return mux
}

// next answers GET /runtime/invocation/next, as soon as there is an event.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next
func (s *sandbox) next(w http.ResponseWriter, r *http.Request) {
	if !s.await() {
		refuse(w, http.StatusForbidden, "InvalidStateTransition",
			"the runtime has to respond to the invocation that it has before it asks for the next one")
		return
	}
	select {
	case inv := <-s.events:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", s.o.arn())
		h.Set("Lambda-Runtime-Trace-Id", inv.trace)
		_, _ = w.Write(inv.payload)
	case <-r.Context().Done():
	}
}

// await notes that the runtime waits for an event, and tells whether it may.
func (s *sandbox) await() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting || s.current != nil && !s.current.responded() {
		return false
	}
	s.current, s.waiting = nil, true
	s.ended()
	return true
}

// respondent returns the invocation that a runtime responds to, or refuses the response.
func (s *sandbox) respondent(w http.ResponseWriter, r *http.Request) *invocation {
	s.mu.Lock()
	inv := s.current
	s.mu.Unlock()
	switch {
	case inv == nil || inv.id != r.PathValue("id"):
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case !inv.take():
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "there is a response to this invocation already")
	default:
		return inv
	}
	return nil
}

// response answers POST /runtime/invocation/{id}/response.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-response
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
//
// Whether the response streams to the caller is for the caller to say, when it invokes: a runtime that does not send
// Lambda-Runtime-Function-Response-Mode, as aws-lambda-go does not, streams all the same, and a stream to a caller who
// did not ask for one is buffered.
func (s *sandbox) response(w http.ResponseWriter, r *http.Request) {
	if mode := r.Header.Get("Lambda-Runtime-Function-Response-Mode"); mode != "" && mode != "streaming" {
		refuse(w, http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		return
	}
	inv := s.respondent(w, r)
	if inv == nil {
		return
	}
	respond := inv.buffer
	if inv.streaming {
		respond = inv.pass
	}
	err := respond(r)
	inv.done()
	switch {
	case errors.Is(err, errTooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", payloadLimit))
	case err != nil:
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	default:
		accept(w)
	}
}

// errTooLarge tells that a response is over its limit.
var errTooLarge = errors.New("the response is too large")

// buffer reads a response to its end before the caller gets it.
func (i *invocation) buffer(r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, payloadLimit+1))
	if err != nil {
		i.fail(truncated(err))
		return err
	}
	if len(body) > payloadLimit {
		rest, _ := io.Copy(io.Discard, io.LimitReader(r.Body, streamLimit)) // so that the runtime hears the answer
		i.fail(tooLarge(int64(len(body))+rest, payloadLimit))
		return errTooLarge
	}
	i.setTrailers(r.Trailer)
	if fault := trailed(r); fault != nil {
		i.fail(fault)
		return nil
	}
	i.answer(reply{contentType: r.Header.Get("Content-Type"), body: body})
	return nil
}

// pass hands the parts of a response to the caller as they come.
func (i *invocation) pass(r *http.Request) error {
	s := newStream()
	i.answer(reply{contentType: r.Header.Get("Content-Type"), stream: s})
	buf := make([]byte, 64<<10)
	for total := int64(0); ; {
		n, err := r.Body.Read(buf)
		if total += int64(n); total > streamLimit {
			s.close(tooLarge(total, streamLimit))
			return errTooLarge
		}
		if n > 0 {
			s.add(append([]byte(nil), buf[:n]...))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.close(truncated(err))
			return err
		}
	}
	i.setTrailers(r.Trailer)
	if fault := trailed(r); fault != nil {
		s.close(fault)
		return nil
	}
	s.close(io.EOF)
	return nil
}

// trailed returns the error that a runtime reports behind a response that it could not complete, nil if there is none.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
func trailed(r *http.Request) *functionError {
	errorType := r.Trailer.Get("Lambda-Runtime-Function-Error-Type")
	if errorType == "" {
		return nil
	}
	object, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
	if err != nil {
		object = nil
	}
	return reported(errorType, object)
}

func tooLarge(size, limit int64) *functionError {
	return &functionError{Type: "Function.ResponseSizeTooLarge", Message: fmt.Sprintf(
		"Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", size, limit)}
}

func truncated(err error) *functionError {
	return &functionError{Type: "Runtime.TruncatedResponse", Message: "the response broke off: " + err.Error()}
}

// failure answers POST /runtime/invocation/{id}/error.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror
func (s *sandbox) failure(w http.ResponseWriter, r *http.Request) {
	inv := s.respondent(w, r)
	if inv == nil {
		return
	}
	inv.fail(readFault(r))
	inv.done()
	accept(w)
}

// initError answers POST /runtime/init/error.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror
func (s *sandbox) initError(w http.ResponseWriter, r *http.Request) {
	fault := readFault(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.initiated {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the Init phase is over")
		return
	}
	s.initFault = fault
	accept(w)
}

func readFault(r *http.Request) *functionError {
	object, err := io.ReadAll(io.LimitReader(r.Body, payloadLimit))
	if err != nil {
		return truncated(err)
	}
	return reported(r.Header.Get("Lambda-Runtime-Function-Error-Type"), object)
}

// accept answers that all is well.
func accept(w http.ResponseWriter) {
	answerJSON(w, http.StatusAccepted, []byte(`{"status":"OK"}`))
}

// refuse answers with the error object of the two APIs.
func refuse(w http.ResponseWriter, status int, errorType, message string) {
	answerJSON(w, status, encode(errorObject{Type: errorType, Message: message}))
}

func answerJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
