package system

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestSlowClients sends too little in the time that the server gives. A head that does not end gets no answer, because
// nobody can say what was asked; a body that does not end is answered.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	p := start(t, "--http-server-timeout="+timeout.String(), "--cache-server=memory://")
	slow := []struct {
		name, send string
		status     int // 0 = none
	}{
		{name: "nothing"},
		{name: "half a method", send: "GE", status: 400}, // net/http takes it for the whole line
		{name: "half a head", send: "GET /version HTTP/1.1\r\nHost: pod"},
		{name: "no end of the head", send: "GET /version HTTP/1.1\r\nHost: podinfo\r\n"},
		{name: "no body", send: head("POST", "/echo", "Content-Length: 10"), status: 408},
		{name: "half a body", send: head("POST", "/store", "Content-Length: 10") + "hello", status: 408},
		{name: "half a name", send: head("POST", "/token", "Content-Length: 10") + "hello", status: 408},
		{name: "half a value", send: head("PUT", "/cache/key", "Content-Length: 10") + "hello", status: 408},
		{name: "half a chunk", send: head("POST", "/echo", "Transfer-Encoding: chunked") + "a\r\nhello", status: 408},
		{name: "no last chunk", send: head("POST", "/echo", "Transfer-Encoding: chunked") + "5\r\nhello\r\n", status: 408},
		{name: "half a large body", send: head("POST", "/echo", "Content-Length: 10000000") +
			strings.Repeat("a", 300<<10), status: 408},
	}
	lines := make([]*line, len(slow))
	for i := range slow { // all of them at once, so that the time of all runs out at the same time
		lines[i] = p.dial(t)
		lines[i].say(slow[i].send)
	}
	for i, l := range lines {
		t.Run(slow[i].name, func(t *testing.T) {
			l.t = t
			if slow[i].status != 0 {
				l.wants("POST", slow[i].status)
			}
			l.wantsEnd()
		})
	}
	if got := p.get(t, "/cache/key"); got.status != http.StatusNotFound {
		t.Errorf("GET /cache/key: status %d, want 404, for its value did not arrive", got.status)
	}
	p.isAlive(t)
}

// TestTrickle sends a request a byte at a time, which is slow but in time.
func TestTrickle(t *testing.T) {
	t.Parallel()
	l := start(t).dial(t)
	for _, b := range []byte(head("POST", "/echo", "Content-Length: 5") + "hello") {
		l.say(string(b))
	}
	if got := l.wants("POST", http.StatusAccepted); got.body != "hello" {
		t.Errorf("the echo is %q, want hello", got.body)
	}
}

// TestManySlowClients holds many connections open that never come to the point. The server has time for others
// meanwhile, and what the slow ones took is given back.
func TestManySlowClients(t *testing.T) {
	t.Parallel()
	const clients = 300
	p := start(t, "--http-server-timeout=3s")
	p.isAlive(t)
	before := p.gauge(t, "process_open_fds")
	for i := range clients {
		l := p.dial(t)
		switch i % 3 {
		case 0: // says nothing
		case 1:
			l.say("GET /version HTTP/1.1\r\nHost: podinfo\r\nX-Slow: ")
		case 2:
			l.say(head("POST", "/echo", "Content-Length: 10"))
		}
	}
	testkit.Eventually(t, patience, "all connections to be accepted", func() bool {
		return p.gauge(t, "process_open_fds") >= before+clients
	})
	for range 50 {
		began := time.Now()
		if got, took := p.get(t, "/version"), time.Since(began); got.status != http.StatusOK || took > patience/2 {
			t.Errorf("GET /version: status %d after %s", got.status, took)
		}
	}
	const few = 10 // those of the tests' own client come and go
	testkit.Eventually(t, patience, "the slow connections to be closed", func() bool {
		return p.gauge(t, "process_open_fds") <= before+few
	})
}

// TestHalfClosed sends a request and closes the client's end for writing, as some programs do to mark its end.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, half := range []struct {
		name, send string
		want       []int
	}{
		{name: "a request", send: head("GET", "/version"), want: []int{200}},
		{name: "a body", send: head("POST", "/echo", "Content-Length: 5") + "hello", want: []int{202}},
		{name: "a stream", send: head("GET", "/chunked/0"), want: []int{200}},
		{name: "two requests", send: head("GET", "/version") + head("GET", "/healthz"), want: []int{200, 200}},
		{name: "half a body", send: head("POST", "/echo", "Content-Length: 10") + "hello", want: []int{400}},
		{name: "half a chunk", send: head("POST", "/echo", "Transfer-Encoding: chunked") + "a\r\nhello", want: []int{400}},
		{name: "half a head", send: "GET /version HTTP/1.1\r\nHost: pod", want: []int{400}},
		{name: "nothing"},
	} {
		t.Run(half.name, func(t *testing.T) {
			t.Parallel()
			l := p.dial(t)
			l.say(half.send)
			if err := l.conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			for _, status := range half.want {
				l.wants("POST", status)
			}
			l.wantsEnd()
		})
	}
	t.Run("while it waits", func(t *testing.T) {
		t.Parallel()
		// Nobody can tell such a client from one that left. What it gets must not look like the answer.
		for _, path := range []string{"/delay/600", "/chunked/600"} {
			l := p.dial(t)
			l.say(head("GET", path))
			if err := l.conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got, err := l.hear("GET"); err == nil && got.status == http.StatusOK {
				t.Errorf("GET %s: 200 and %q, want no answer that can be taken for the real one", path, got.body)
			}
		}
	})
}

// TestPipeline sends many requests in one go, before any is answered, and gets the answers in their order.
func TestPipeline(t *testing.T) {
	t.Parallel()
	const requests = 200
	p := start(t)
	l := p.dial(t)
	var send strings.Builder
	for i := range requests {
		body := fmt.Sprintf("request %d", i)
		send.WriteString(head("POST", "/echo", fmt.Sprintf("Content-Length: %d", len(body))) + body)
		send.WriteString(head("GET", fmt.Sprintf("/status/%d", 200+i)))
	}
	go l.say(send.String()) // the answers are read meanwhile, or both sides could wait for each other
	for i := range requests {
		if got, want := l.wants("POST", http.StatusAccepted).body, fmt.Sprintf("request %d", i); got != want {
			t.Fatalf("echo %d is %q, want %q", i, got, want)
		}
		l.wants("GET", 200+i)
	}
	l.say(head("GET", "/version", "Connection: close") + head("GET", "/version"))
	l.wants("GET", http.StatusOK)
	l.wantsEnd()
}
