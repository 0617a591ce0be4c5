package server_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
)

// socket opens a websocket.
func (r *rig) socket(t *testing.T) *websocket.Conn {
	t.Helper()
	return targettest.OpenSocket(t, r.url())
}

// TestWritersReachTheConnection is about what lies around a handler: it must let through that a connection is taken
// over, and that half an answer is sent.
func TestWritersReachTheConnection(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"plain": nil, "h2c": {"--h2c"}, "tracing": {"--otel-service-name=test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, settings...)
			conn := r.socket(t)
			if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, message, err := conn.ReadMessage(); err != nil || !strings.Contains(string(message), "hello") {
				t.Errorf("%q, %v; want an echo", message, err)
			}
			halfway(t, r)
		})
	}
}

// halfway wants the head of an answer whose body is a long time coming.
func halfway(t *testing.T, r *rig) {
	t.Helper()
	conn := dial(t, r.address(r.options.Port))
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("GET /chunked/60 HTTP/1.1\r\nHost: p\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the head does not come before the body: %v", err)
	}
	if got.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", got.StatusCode)
	}
	_ = conn.Close() // Before the body, whose end is far away.
	_ = got.Body.Close()
}
