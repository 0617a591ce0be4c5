package lambda

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
)

// extension is something that takes part in the phases of an environment beside the runtime. Only internal ones can
// be here, which live in the process of the runtime; they hear of invocations, if they ask for it, but not of the
// shutdown, of which their process learns with SIGTERM.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
type extension struct {
	name    string
	events  []string
	waiting bool        // it has asked for the next event
	inbox   chan []byte // what it waits for
}

// maxExtensions is how many extensions an environment takes.
const maxExtensions = 10

// extensionEvent is what an extension hears of an invocation.
type extensionEvent struct {
	EventType          string `json:"eventType"`
	DeadlineMS         int64  `json:"deadlineMs"`
	RequestID          string `json:"requestId"`
	InvokedFunctionARN string `json:"invokedFunctionArn"`
	Tracing            struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"tracing"`
}

// notify tells an extension of an invocation, if it wants to know. Its phase ends only when it has asked for more.
func (x *extension) notify(o Options, inv *invocation) {
	if !slices.Contains(x.events, "INVOKE") {
		return
	}
	event := extensionEvent{
		EventType: "INVOKE", DeadlineMS: inv.deadline.UnixMilli(), RequestID: inv.id, InvokedFunctionARN: o.arn(),
	}
	event.Tracing.Type, event.Tracing.Value = "X-Amzn-Trace-Id", inv.trace
	x.waiting = false
	x.inbox <- encode(event) // has room: whoever waits has taken what was there
}

// register answers POST /extension/register.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#extensions-registration-api-a
//
// The types of its errors, like those of the other routes, are the ones of Lambda's own emulator:
// https://github.com/aws/aws-lambda-runtime-interface-emulator
func (s *sandbox) register(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("Lambda-Extension-Name")
	if name == "" {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionName", "Empty extension name")
		return
	}
	var wish struct {
		Events []string `json:"events"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, payloadLimit)).Decode(&wish); err != nil {
		refuse(w, http.StatusForbidden, "InvalidRequestFormat", err.Error())
		return
	}
	for _, event := range wish.Events {
		if event != "INVOKE" {
			refuse(w, http.StatusForbidden, "Extension.InvalidEventType",
				event+": an internal extension can register for INVOKE only")
			return
		}
	}
	id, errorType, message := s.enroll(&extension{name: name, events: wish.Events, inbox: make(chan []byte, 1)})
	if errorType != "" {
		refuse(w, http.StatusForbidden, errorType, message)
		return
	}
	w.Header().Set("Lambda-Extension-Identifier", id)
	answerJSON(w, http.StatusOK, encode(map[string]string{
		"functionName": s.o.Name, "functionVersion": functionVersion, "handler": handlerName,
	}))
}

// enroll adds an extension and returns its id, or why it cannot be added.
func (s *sandbox) enroll(x *extension) (id, errorType, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.initiated || s.waiting {
		return "", "Extension.RegistrationClosed", "Extension registration closed already"
	}
	if len(s.extensions) >= maxExtensions {
		return "", "Extension.TooManyExtensions", "Extension limit (10) reached"
	}
	for _, other := range s.extensions {
		if other.name == x.name {
			return "", "Extension.InvalidExtensionState", "Extension with this name already registered"
		}
	}
	id = newID()
	s.extensions[id] = x
	return id, "", ""
}

// known returns the extension that a request comes from, or refuses the request.
func (s *sandbox) known(w http.ResponseWriter, r *http.Request) *extension {
	id := r.Header.Get("Lambda-Extension-Identifier")
	if id == "" {
		refuse(w, http.StatusForbidden, "Extension.MissingExtensionIdentifier",
			"Missing Lambda-Extension-Identifier header")
		return nil
	}
	s.mu.Lock()
	x := s.extensions[id]
	s.mu.Unlock()
	if x == nil {
		refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
	}
	return x
}

// extensionNext answers GET /extension/event/next, as soon as there is an event that the extension asked for. One that
// asked for none waits until its process ends.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#extensions-api-next
func (s *sandbox) extensionNext(w http.ResponseWriter, r *http.Request) {
	x := s.known(w, r)
	if x == nil {
		return
	}
	s.mu.Lock()
	if !x.waiting {
		x.waiting = true
		s.ended()
	}
	s.mu.Unlock()
	select {
	case event := <-x.inbox:
		w.Header().Set("Lambda-Extension-Event-Identifier", newID())
		answerJSON(w, http.StatusOK, event)
	case <-r.Context().Done():
	}
}

// extensionError answers POST /extension/init/error and /extension/exit/error, after which an extension is expected to
// end its process.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-extensions-init-error
func (s *sandbox) extensionError(w http.ResponseWriter, r *http.Request) {
	if s.known(w, r) == nil {
		return
	}
	if r.Header.Get("Lambda-Extension-Function-Error-Type") == "" {
		refuse(w, http.StatusForbidden, "Extension.MissingHeader", "Missing Lambda-Extension-Function-Error-Type header")
		return
	}
	accept(w)
}
