package testkit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGet(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/tea")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path)
	}))
	t.Cleanup(server.Close)
	got := Get(t, server.URL+"/pot")
	if got.Status != http.StatusTeapot || got.Header.Get("Content-Type") != "text/tea" || got.Body != "GET /pot" {
		t.Errorf("Get returns %+v, want all that the server has answered", got)
	}
}
