package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestCheckCache(t *testing.T) {
	t.Parallel()
	cached := testkit.StartPodinfo(t, "--cache-server=memory://")
	inner := testkit.StartPodinfo(t, "--cache-server=memory://", "--prefix=/inner")
	without := testkit.StartPodinfo(t)
	lost := testkit.StartPodinfo(t, "--cache-server=tcp://"+testkit.ClosedAddress(t))
	for _, test := range []struct {
		name string
		url  string
		code int
		want string // what the error ends with
	}{
		{"at the root", cached.URL, 0, ""},
		{"below a prefix", inner.URL + "/inner/", 0, ""},
		{"beside the prefix", inner.URL, 1, "has the status code 404, not 202"},
		{"no cache", without.URL, 1, "has the status code 503, not 202"},
		{"the cache is away", lost.URL, 1, "has the status code 502, not 202"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := podcli("", "check", "cache", test.url)
			want := map[string]any{"address": test.url, "key": "*"}
			if test.want != "" {
				want["error"] = "*"
			}
			wantCheck(t, r, test.code, want)
			if !strings.Contains(r.stderr, test.want) {
				t.Errorf("the log says %s, want %q in it", r.stderr, test.want)
			}
		})
	}
}

// scripted answers the three requests of a check of the cache with what the test says, and notes them.
type scripted struct {
	read         string
	get, deleted int

	mu       sync.Mutex
	requests []string
	from     []string
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method)
	s.from = append(s.from, r.RemoteAddr)
	switch r.Method {
	case http.MethodPost:
		w.WriteHeader(http.StatusAccepted)
	case http.MethodGet:
		w.WriteHeader(s.get)
		fmt.Fprint(w, s.read)
	case http.MethodDelete:
		w.WriteHeader(s.deleted)
	}
}

func TestCheckCacheFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		server *scripted
		want   string
	}{
		{"forgotten", &scripted{get: 404, deleted: 202}, "has the status code 404, not 200"},
		{"another value", &scripted{get: 200, read: "other", deleted: 202}, "the value read is not the one written"},
		{"read and delete fail", &scripted{get: 500, deleted: 502}, "has the status code 500, not 200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.server)
			t.Cleanup(server.Close)
			r := podcli("", "check", "cache", server.URL)
			wantCheck(t, r, 1, map[string]any{"address": server.URL, "key": "*", "error": "*"})
			if !strings.Contains(r.stderr, test.want) {
				t.Errorf("the log says %s, want %q in it", r.stderr, test.want)
			}
			if want := []string{"POST", "GET", "DELETE"}; !slices.Equal(test.server.requests, want) {
				t.Errorf("requests %v, want %v: what was written is deleted", test.server.requests, want)
			}
			if connections := slices.Compact(slices.Clone(test.server.from)); len(connections) != 1 {
				t.Errorf("requests from %v, want one connection", test.server.from)
			}
		})
	}
}

// The value comes back only when the server kept it, so a delete that fails is all that is left to complain of.
func TestCheckCacheMindsTheDelete(t *testing.T) {
	t.Parallel()
	backend := testkit.StartPodinfo(t, "--cache-server=memory://")
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(target))
	mux.HandleFunc("DELETE /", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r := podcli("", "check", "cache", server.URL)
	wantCheck(t, r, 1, map[string]any{"address": server.URL, "key": "*", "error": "*"})
	if !strings.Contains(r.stderr, "DELETE /cache/podcli-") || !strings.Contains(r.stderr, "status code 502, not 202") {
		t.Errorf("the log says %s, want the delete in it", r.stderr)
	}
}
