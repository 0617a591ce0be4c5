package cloudfunctions

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
)

// events answers what a trigger sends: podinfo is an HTTP function and does nothing with events. Its 404 or 405 would
// hide that, and whoever sent the event would learn of it, if at all, by a queue that does not drain. An event that is
// sent to a route that takes a POST, such as /echo, is a request like any other.
type events struct {
	routes  []string // templates of the routes that take a POST
	maxBody int64    // bytes of a body that are looked into
	log     *logrus.Logger
	metrics *telemetry.Route
}

func newEvents(a *app.App) *events {
	e := &events{maxBody: a.Config.MaxBodySize, log: a.Log, metrics: a.Metrics.Route("unmatched")}
	for _, route := range handlers.Routes() {
		if route.Methods == nil || slices.Contains(route.Methods, http.MethodPost) {
			e.routes = append(e.routes, a.Config.Prefix+route.Path)
		}
	}
	return e
}

// refuse answers a request that brings an event to where no route takes it, and reports whether it did. Its status
// says that another attempt with the same event is of no use.
func (e *events) refuse(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || e.served(r.URL.Path) {
		return false
	}
	start := time.Now()
	found, ok := e.find(w, r)
	if !ok {
		return false
	}
	e.log.WithContext(r.Context()).WithFields(logrus.Fields{"event_id": found.ID, "event_type": found.Type}).
		Error("an event was refused: podinfo serves HTTP requests, but something triggers it with events")
	const status = http.StatusUnsupportedMediaType
	handlers.WriteError(w, status, fmt.Sprintf("podinfo serves HTTP requests and did nothing with the event %q of type "+
		"%q; deploy it with --trigger-http, or send events to another function", found.ID, found.Type))
	e.metrics.Observe(r.Context(), r.Method, status, time.Since(start).Seconds())
	return true
}

// served tells whether a route of the API takes a POST to this path.
func (e *events) served(path string) bool {
	return slices.ContainsFunc(e.routes, func(template string) bool { return matches(template, path) })
}

// matches compares a path with a template, in which {name} stands for one part and a trailing * for anything below.
func matches(template, path string) bool {
	parts := strings.Split(path, "/")
	for i, want := range strings.Split(template, "/") {
		if want == "*" {
			return len(parts) > i
		}
		if i >= len(parts) || want != parts[i] && (!strings.HasPrefix(want, "{") || parts[i] == "") {
			return false
		}
	}
	return len(parts) == strings.Count(template, "/")+1
}

// event is what is told of an event. Its data is nobody's business.
type event struct{ ID, Type string }

// longest bounds what is told of an event, in bytes: id and type are the sender's.
const longest = 200

// find looks for an event in a request, in each of the formats that Google Cloud sends.
func (e *events) find(w http.ResponseWriter, r *http.Request) (event, bool) {
	found, ok := e.parse(w, r)
	return event{ID: shorten(found.ID), Type: shorten(found.Type)}, ok
}

func (e *events) parse(w http.ResponseWriter, r *http.Request) (event, bool) {
	if id, kind := r.Header.Get("Ce-Id"), r.Header.Get("Ce-Type"); id != "" || kind != "" {
		return event{ID: id, Type: kind}, true // Binary mode. The body holds nothing but data.
	}
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch contentType {
	case "application/cloudevents+json":
		return e.decode(w, r).structured(), true
	case "application/cloudevents-batch+json":
		return event{Type: "a batch of events"}, true
	case "application/json":
		return e.decode(w, r).legacy()
	}
	// The other formats of CloudEvents, such as +protobuf, are told by name only.
	return event{}, strings.HasPrefix(contentType, "application/cloudevents")
}

// decode reads what a body may say of an event. What cannot be read is left empty.
func (e *events) decode(w http.ResponseWriter, r *http.Request) envelope {
	if deadline, ok := r.Context().Deadline(); ok {
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(deadline)
		defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	}
	var body envelope
	_ = json.NewDecoder(io.LimitReader(r.Body, e.maxBody)).Decode(&body)
	return body
}

// envelope is the part of an event's JSON around its data, in all formats at once.
type envelope struct {
	// A CloudEvent in structured mode, see
	// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md.
	ID   string `json:"id"`
	Type string `json:"type"`
	// A push of Pub/Sub, see https://cloud.google.com/pubsub/docs/push#receive_push.
	Subscription string `json:"subscription"`
	Message      *struct {
		ID string `json:"messageId"`
	} `json:"message"`
	// An event of the 1st generation, whose context may also stand beside its data, see
	// https://cloud.google.com/functions/1stgendocs/writing/write-event-driven-functions.
	Context   *background `json:"context"`
	EventID   string      `json:"eventId"`
	EventType string      `json:"eventType"`
}

type background struct {
	ID   string `json:"eventId"`
	Type string `json:"eventType"`
}

func (e envelope) structured() event { return event{ID: e.ID, Type: e.Type} }

// legacy tells the formats before CloudEvents from any other JSON.
func (e envelope) legacy() (event, bool) {
	switch {
	case e.Message != nil && e.Subscription != "":
		return event{ID: e.Message.ID, Type: "google.cloud.pubsub.topic.v1.messagePublished"}, true
	case e.Context != nil && e.Context.Type != "":
		return event{ID: e.Context.ID, Type: e.Context.Type}, true
	case e.EventID != "" && e.EventType != "":
		return event{ID: e.EventID, Type: e.EventType}, true
	}
	return event{}, false
}

// shorten makes a sender's text fit to be told: short, and text.
func shorten(text string) string {
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}
