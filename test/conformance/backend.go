package conformance

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// stubBackend is what the servers under test call as their backends.
//
//	/body      answers with the body of the request
//	/empty     answers 204
//	/hang      answers when the caller has given up
//	/json      answers with a JSON object
//	/meet      answers "met" once a second request is there as well
//	/request   answers with method, headers and body of the request, as JSON
//	/teapot    answers 418
func stubBackend() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/body", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server notices that its client is gone only after the body
		await(r, nil, nil)
	})
	mux.HandleFunc("/json", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"a": [1, "b"]}`)
	})
	meeting := make(chan struct{})
	mux.HandleFunc("/meet", func(w http.ResponseWriter, r *http.Request) {
		if await(r, meeting, meeting) {
			_, _ = io.WriteString(w, "met")
		}
	})
	mux.HandleFunc("/request", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(seenByBackend{Method: r.Method, Header: r.Header, Body: string(body)})
	})
	mux.HandleFunc("/teapot", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	})
	return mux
}

// seenByBackend is what the stub says about a request that it got.
type seenByBackend struct {
	Method string
	Header http.Header
	Body   string
}

// await sends to one channel or receives from the other, whatever comes first; false if the caller gave up before.
func await(r *http.Request, out chan<- struct{}, in <-chan struct{}) bool {
	tooLong := time.NewTimer(caseTimeout)
	defer tooLong.Stop()
	select {
	case out <- struct{}{}:
		return true
	case <-in:
		return true
	case <-r.Context().Done():
	case <-tooLong.C:
	}
	return false
}
