package testkit

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

// getTimeout bounds a request of Get, on machines that many tests share.
const getTimeout = 60 * time.Second

// Answer is what a server has answered, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Get asks for a URL. The test ends if there is no whole answer; every status is one.
func Get(t testing.TB, url string) Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), getTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("GET %s: half an answer: %v", url, err)
	}
	return Answer{Status: answer.StatusCode, Header: answer.Header, Body: string(body)}
}
