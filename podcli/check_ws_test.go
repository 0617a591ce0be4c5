package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// echoHandler answers websocket handshakes with an echo of every message, and other requests with an empty 200.
func echoHandler(t *testing.T) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !websocket.IsWebSocketUpgrade(r) {
			return
		}
		upgrader := websocket.Upgrader{}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
					t.Errorf("the client did not say goodbye: %v", err)
				}
				return
			}
			if err := conn.WriteMessage(kind, message); err != nil {
				t.Errorf("echo: %v", err)
				return
			}
		}
	})
}

// websocketServer serves handler and returns HOST:PORT.
func websocketServer(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestCheckWS(t *testing.T) {
	t.Parallel()
	address := "ws://" + websocketServer(t, echoHandler(t)) + "/ws/echo"
	wantCheck(t, podcli("", "check", "ws", address), 0,
		map[string]any{"address": address, "round-trip": "*", "response size": "13 B"})
}

func TestCheckWSFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, address, want string
	}{
		{"nobody listens", testkit.ClosedAddress(t), "connection refused"},
		{"no websocket there", websocketServer(t, http.NotFoundHandler()),
			"the server answered 404 Not Found instead of a websocket handshake"},
		{"the server hangs up", websocketServer(t, hangUpHandler(t)), "websocket: close 1006"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := "ws://" + test.address
			r := podcli("", "check", "ws", address)
			wantCheck(t, r, 1, map[string]any{"address": address, "error": "*"})
			if !strings.Contains(r.stderr, test.want) {
				t.Errorf("stderr is %q, want %q in it", r.stderr, test.want)
			}
		})
	}
}

// hangUpHandler accepts websockets, waits for a message and drops the connection without a word.
func hangUpHandler(t *testing.T) http.Handler {
	return scriptHandler(t, func(conn *websocket.Conn, _ *http.Request) {
		if _, _, err := conn.ReadMessage(); err != nil {
			t.Errorf("read: %v", err)
		}
	})
}

// scriptHandler accepts websockets from any origin and drops them at the end of script.
func scriptHandler(t *testing.T, script func(*websocket.Conn, *http.Request)) http.Handler {
	t.Helper()
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
			return
		}
		defer conn.Close()
		script(conn, r)
	})
}
