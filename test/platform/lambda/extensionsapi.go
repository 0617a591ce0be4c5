package lambda

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"syscall"
	"time"
)

// extension is something that takes part in the phases of an environment beside the runtime. An internal one lives in
// the process of the runtime; it hears of invocations, if it asks for it, but not of the shutdown, of which its process
// learns with SIGTERM. An external one has a process of its own and can hear of both.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
type extension struct {
	name    string
	process *process // of an external one, nil for an internal one
	known   bool     // it has registered
	events  []string
	waiting bool        // it has asked for the next event
	inbox   chan []byte // what it waits for
}

func newExtension(name string, events []string) *extension {
	return &extension{name: name, events: events, inbox: make(chan []byte, 2)} // an invocation and the shutdown
}

// externalGrace is how long the shutdown may take in the presence of external extensions.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-lifecycle-shutdown
const externalGrace = 2 * time.Second

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

// shutdownEvent is what an external extension hears at the end.
type shutdownEvent struct {
	EventType      string `json:"eventType"`
	ShutdownReason string `json:"shutdownReason"`
	DeadlineMS     int64  `json:"deadlineMs"`
}

// dismiss tells the external extensions that the environment ends, and ends those that do not leave in time.
func (s *sandbox) dismiss(reason string) {
	s.mu.Lock()
	s.ending = true
	s.thaw()
	extensions := maps.Clone(s.extensions)
	deadline := time.Now().Add(max(externalGrace, s.o.Grace))
	for _, x := range extensions {
		if slices.Contains(x.events, "SHUTDOWN") {
			x.inbox <- encode(shutdownEvent{EventType: "SHUTDOWN", ShutdownReason: reason, DeadlineMS: deadline.UnixMilli()})
		}
	}
	s.mu.Unlock()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for _, x := range extensions {
		if x.process == nil {
			continue
		}
		if slices.Contains(x.events, "SHUTDOWN") {
			select {
			case <-x.process.exited:
			case <-timer.C:
				timer.Reset(0) // for the next one as well
			}
		}
		x.process.signal(syscall.SIGKILL)
		<-x.process.exited
	}
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
	id, errorType, message := s.enroll(name, wish.Events)
	if errorType != "" {
		refuse(w, http.StatusForbidden, errorType, message)
		return
	}
	w.Header().Set("Lambda-Extension-Identifier", id)
	answerJSON(w, http.StatusOK, encode(map[string]string{
		"functionName": s.o.Name, "functionVersion": functionVersion, "handler": handlerName,
	}))
}

// enroll registers an extension and returns its id, or why it cannot register.
func (s *sandbox) enroll(name string, events []string) (id, errorType, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	allowed := []string{"INVOKE"}
	var external *extension
	for key, x := range s.extensions {
		switch {
		case x.name != name:
		case x.known:
			return "", "Extension.InvalidExtensionState", "Extension with this name already registered"
		default:
			id, external, allowed = key, x, []string{"INVOKE", "SHUTDOWN"}
		}
	}
	for _, event := range events {
		if !slices.Contains(allowed, event) {
			return "", "Extension.InvalidEventType", event + ": this kind of extension can register for " + joined(allowed)
		}
	}
	if external != nil {
		external.known, external.events = true, events
		return id, "", ""
	}
	if s.initiated || s.waiting {
		return "", "Extension.RegistrationClosed", "Extension registration closed already"
	}
	if len(s.extensions) >= maxExtensions {
		return "", "Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", maxExtensions)
	}
	id = newID()
	s.extensions[id] = newExtension(name, events)
	s.extensions[id].known = true
	return id, "", ""
}

// registered returns the extension that a request comes from, or refuses the request.
func (s *sandbox) registered(w http.ResponseWriter, r *http.Request) *extension {
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
	x := s.registered(w, r)
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
	if s.registered(w, r) == nil {
		return
	}
	if r.Header.Get("Lambda-Extension-Function-Error-Type") == "" {
		refuse(w, http.StatusForbidden, "Extension.MissingHeader", "Missing Lambda-Extension-Function-Error-Type header")
		return
	}
	accept(w)
}
