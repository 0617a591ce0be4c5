package cloudfunctions

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/podinfo-targets/podinfo/handlers"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		template, path string
		want           bool
	}{
		{"/echo", "/echo", true}, {"/echo", "/echo/", false}, {"/echo", "/echoes", false}, {"/echo", "", false},
		{"/echo/*", "/echo/", true}, {"/echo/*", "/echo/a/b", true}, {"/echo/*", "/echo", false},
		{"/cache/{key}", "/cache/a", true}, {"/cache/{key}", "/cache/", false}, {"/cache/{key}", "/cache/a/b", false},
		{"/", "/", true}, {"/", "/a", false}, {"/p/", "/p/", true},
	}
	for _, tt := range tests {
		if got := matches(tt.template, tt.path); got != tt.want {
			t.Errorf("%s matches %s: %t, want %t", tt.template, tt.path, got, tt.want)
		}
	}
}

// TestEveryTemplateMatchesItself keeps the little matcher in step with the API's table.
func TestEveryTemplateMatchesItself(t *testing.T) {
	t.Parallel()
	for _, route := range handlers.Routes() {
		path := strings.ReplaceAll(route.Path, "*", "below")
		if !matches(route.Path, path) {
			t.Errorf("%s does not match %s", route.Path, path)
		}
	}
}

// FuzzEvent holds that whatever a request says of itself, looking for an event in it ends, and what is told of one is
// short and text.
func FuzzEvent(f *testing.F) {
	f.Add("application/cloudevents+json", "", "", `{"id":"1","type":"a.b","data":{}}`)
	f.Add("application/json", "", "", `{"message":{"messageId":"1"},"subscription":"s"}`)
	f.Add("application/json", "", "", `{"context":{"eventId":"1","eventType":"t"},"data":{}}`)
	f.Add("text/plain", "1", "t", "data")
	f.Add("application/json; charset", "", "", `{"id":1,"type":[]}`)
	e := &events{maxBody: 1 << 10}
	f.Fuzz(func(t *testing.T, contentType, id, kind, body string) {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Ce-Id", id)
		r.Header.Set("Ce-Type", kind)
		found, ok := e.find(w, r)
		if len(found.ID)+len(found.Type) > 2*(longest+len("...")) {
			t.Errorf("%d bytes are told of an event", len(found.ID)+len(found.Type))
		}
		if !ok && found != (event{}) {
			t.Errorf("what is no event is told as %v", found)
		}
		if !utf8.ValidString(found.ID) || !utf8.ValidString(found.Type) {
			t.Errorf("%q is no text", found)
		}
	})
}
