package cloudfunctions_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// The ways in which Google Cloud and its tools send an event, with a secret for data.
var eventFormats = []struct {
	name, id, kind string
	headers        []string
	body           string
}{
	{ // https://cloud.google.com/eventarc/docs/cloudevents
		name: "binary mode", id: "2070443601311540", kind: "google.cloud.pubsub.topic.v1.messagePublished",
		headers: []string{
			"Ce-Id: 2070443601311540", "Ce-Type: google.cloud.pubsub.topic.v1.messagePublished", "Ce-Specversion: 1.0",
			"Ce-Source: //pubsub.googleapis.com/projects/shop/topics/orders", "Content-Type: application/json",
		},
		body: `{"message":{"data":"s3cret"}}`,
	},
	{ // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md section 3.2
		name: "structured mode", id: "A234-1234-1234", kind: "com.example.someevent",
		headers: []string{"Content-Type: application/cloudevents+json; charset=UTF-8"},
		body: `{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","id":"A234-1234-1234",` +
			`"data":{"appinfo":"s3cret"}}`,
	},
	{
		name: "structured mode, broken", headers: []string{"Content-Type: application/cloudevents+json"}, body: `s3cret`,
	},
	{
		name: "batch", kind: "a batch of events",
		headers: []string{"Content-Type: application/cloudevents-batch+json"}, body: `[{"id":"1","data":"s3cret"}]`,
	},
	{ // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/protobuf-format.md
		name:    "structured mode, another format",
		headers: []string{"Content-Type: application/cloudevents+protobuf"}, body: "\x0a\x06s3cret",
	},
	{ // https://cloud.google.com/pubsub/docs/push#receive_push
		name: "push of Pub/Sub", id: "136969346945", kind: "google.cloud.pubsub.topic.v1.messagePublished",
		headers: []string{"Content-Type: application/json"},
		body: `{"message":{"attributes":{"key":"s3cret"},"data":"s3cret","messageId":"136969346945"},` +
			`"subscription":"projects/myproject/subscriptions/mysubscription"}`,
	},
	{ // https://cloud.google.com/functions/1stgendocs/writing/write-event-driven-functions
		name: "1st generation", id: "1147091835525187", kind: "google.storage.object.finalize",
		headers: []string{"Content-Type: application/json"},
		body: `{"context":{"eventId":"1147091835525187","timestamp":"2020-04-23T07:38:57.772Z",` +
			`"eventType":"google.storage.object.finalize","resource":{"service":"storage.googleapis.com"}},` +
			`"data":{"bucket":"s3cret"}}`,
	},
	{
		name: "1st generation, flat", id: "aaaaaa-1111", kind: "providers/cloud.firestore/eventTypes/document.write",
		headers: []string{"Content-Type: application/json"},
		body: `{"data":{"value":"s3cret"},"eventId":"aaaaaa-1111",` +
			`"eventType":"providers/cloud.firestore/eventTypes/document.write"}`,
	},
}

// TestEventsAreNotLostSilently sends events in every format, to a function that was deployed with either kind of
// signature, to where triggers send them and elsewhere.
func TestEventsAreNotLostSilently(t *testing.T) {
	t.Parallel()
	for _, signature := range []string{"http", "cloudevent"} {
		p := start(t, "FUNCTION_SIGNATURE_TYPE="+signature)
		for _, format := range eventFormats {
			for _, path := range []string{"/", "/version", "/nowhere"} {
				got := ask(t, p, "POST", path, format.body, format.headers...)
				wantError(t, got, http.StatusUnsupportedMediaType,
					fmt.Sprintf("%q", format.id), fmt.Sprintf("%q", format.kind), "--trigger-http")
				if strings.Contains(got.body, "s3cret") {
					t.Errorf("%s: the answer tells the event's data: %s", format.name, got.body)
				}
			}
		}
		testkit.Eventually(t, patience, "every event to be in the log", func() bool {
			return toldEvents(t, p) == 3*len(eventFormats)
		})
		if strings.Contains(p.Stderr(), "s3cret") {
			t.Errorf("the log tells the events' data:\n%s", p.Stderr())
		}
		counted := fmt.Sprintf(
			`http_request_duration_seconds_count{method="POST",path="unmatched",status="415"} %d`, 3*len(eventFormats))
		if metrics := ask(t, p, "GET", "/metrics", "").body; !strings.Contains(metrics, counted) {
			t.Errorf("the events are not counted: %s is missing", counted)
		}
	}
}

// toldEvents counts the lines of the log about events.
func toldEvents(t *testing.T, p *testkit.Process) (told int) {
	t.Helper()
	for _, entry := range lines(t, p) {
		if entry["severity"] == "ERROR" && entry["event_type"] != nil && entry["event_id"] != nil {
			told++
		}
	}
	return told
}

// TestEventsPassWhereABodyIsTaken: there, and where nobody triggers anything, an event is a request like any other.
func TestEventsPassWhereABodyIsTaken(t *testing.T) {
	t.Parallel()
	p := start(t, "--prefix=/p")
	for _, format := range eventFormats {
		if got := ask(t, p, "POST", "/p/echo", format.body, format.headers...); got.status != 202 || got.body != format.body {
			t.Errorf("%s: POST /p/echo is answered %d %s", format.name, got.status, got.body)
		}
		if got := ask(t, p, "GET", "/p/version", "", format.headers...); got.status != 200 {
			t.Errorf("%s: GET /p/version is answered %d", format.name, got.status)
		}
		if got := ask(t, p, "POST", "/p", format.body, format.headers...); got.status != 415 {
			t.Errorf("%s: POST /p is answered %d, want 415", format.name, got.status)
		}
	}
	if got := ask(t, p, "POST", "/p/version", `{"a":1}`, "Content-Type: application/json"); got.status != 405 {
		t.Errorf("what is no event is answered %d, want 405", got.status)
	}
}

// TestEndlessEventMeetsItsDeadline sends an event that does not end.
func TestEndlessEventMeetsItsDeadline(t *testing.T) {
	t.Parallel()
	p := start(t, "CLOUD_RUN_TIMEOUT_SECONDS=1")
	got, err := try(p, "POST", "/", newStuck(t, `{"id":"1",`), "Content-Type: application/cloudevents+json")
	if err != nil || got.status != 415 {
		t.Errorf("the answer is %d (%v), want 415 at the deadline", got.status, err)
	}
}
