package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The rhythm and the bounds of a websocket.
const (
	socketGreeting = 5 * time.Second  // between frames that name the server
	socketPing     = 30 * time.Second // between pings
	socketSilence  = 60 * time.Second // without a pong, after which the peer is taken for gone
	socketWrite    = 10 * time.Second // for one frame
	socketGoodbye  = time.Second      // for a close frame to be sent, and for a socket that was cut to end
	socketMessage  = 1 << 20          // the largest message taken, in bytes
)

// upgrader checks the handshake (RFC 6455 §4.2). A browser on another site's page is refused; clients that send no
// Origin are not browsers.
var upgrader = websocket.Upgrader{HandshakeTimeout: socketWrite}

// websocket serves /ws/echo: every message comes back with the time, and every few seconds the server says its name.
func (a *API) websocket(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		a.warn(r, "websocket upgrade error", err)
		return
	}
	s := &socket{api: a, conn: conn, request: r, done: make(chan struct{})}
	if !a.sockets.add(s) {
		s.goAway()
		_ = conn.Close()
		return
	}
	defer a.sockets.remove(s)
	s.serve()
}

// socket is one open websocket. The request's own goroutine reads; a second one, which serve waits for, does the
// timed writes.
type socket struct {
	api     *API
	conn    *websocket.Conn
	request *http.Request
	writing sync.Mutex
	done    chan struct{}
}

func (s *socket) serve() {
	var timed sync.WaitGroup
	timed.Go(s.keepTime)
	s.read()
	close(s.done)
	_ = s.conn.Close()
	timed.Wait()
}

// read echoes messages until the peer closes, breaks the protocol or falls silent.
func (s *socket) read() {
	s.conn.SetReadLimit(socketMessage)
	alive := func(string) error { return s.conn.SetReadDeadline(time.Now().Add(socketSilence)) }
	s.conn.SetPongHandler(alive)
	_ = alive("")
	for {
		_, message, err := s.conn.ReadMessage()
		if err != nil {
			s.ended("websocket read error", err)
			return
		}
		err = s.send(echoFrame{Time: now(), Message: string(message)})
		if err != nil && !errors.Is(err, websocket.ErrCloseSent) { // After the goodbye only the peer's own is awaited.
			s.ended("websocket write error", err)
			return
		}
	}
}

// keepTime sends what the clock asks for: the server's name and the pings.
func (s *socket) keepTime() {
	greeting := time.NewTicker(socketGreeting)
	defer greeting.Stop()
	ping := time.NewTicker(socketPing)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-s.done:
			return
		case <-greeting.C:
			err = s.send(serverFrame{Time: now(), Server: s.api.deps.Identity.Hostname})
		case <-ping.C:
			err = s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(socketWrite))
		}
		if errors.Is(err, websocket.ErrCloseSent) {
			return
		}
		if err != nil {
			_ = s.conn.Close() // Ends read, which says why.
			return
		}
	}
}

// echoFrame answers a message; serverFrame names the server.
type echoFrame struct {
	Time    string `json:"ts"`
	Message string `json:"msg"`
}

type serverFrame struct {
	Time   string `json:"ts"`
	Server string `json:"server"`
}

func now() string { return time.Now().Format(time.RFC3339Nano) }

// send writes v as one text frame, ended by a newline. Only one goroutine may write at a time.
func (s *socket) send(v any) error {
	var frame bytes.Buffer
	if err := json.NewEncoder(&frame).Encode(v); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(socketWrite)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, frame.Bytes())
}

// goAway asks the peer to close because the server leaves.
func (s *socket) goAway() {
	leave := websocket.FormatCloseMessage(websocket.CloseGoingAway, "server is shutting down")
	_ = s.conn.WriteControl(websocket.CloseMessage, leave, time.Now().Add(socketGoodbye))
}

// ended logs why a socket ended, unless its end was in order.
func (s *socket) ended(msg string, err error) {
	if websocket.IsCloseError(err,
		websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived) {
		return
	}
	s.api.warn(s.request, msg, err)
}

// sockets knows the open websockets, which http.Server forgets once they are hijacked.
type sockets struct {
	mu      sync.Mutex
	open    map[*socket]struct{}
	leaving bool
	empty   chan struct{} // closed when the last one is gone after leaving
}

func (s *sockets) init() {
	s.open = make(map[*socket]struct{})
	s.empty = make(chan struct{})
}

// add notes an open socket. It reports false when the server is leaving.
func (s *sockets) add(c *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *sockets) remove(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if s.leaving && len(s.open) == 0 {
		close(s.empty)
	}
}

// shutdown sends everyone away at once and waits until they are gone. When ctx ends first it cuts the others off and
// returns how many they were.
func (s *sockets) shutdown(ctx context.Context) (cut int) {
	left := s.leave()
	if len(left) == 0 {
		return 0
	}
	var goodbyes sync.WaitGroup
	for _, c := range left {
		goodbyes.Go(c.goAway)
	}
	select {
	case <-s.empty:
	case <-ctx.Done():
		cut = s.cut()
		select {
		case <-s.empty:
		case <-time.After(socketGoodbye):
		}
	}
	goodbyes.Wait()
	return cut
}

func (s *sockets) leave() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
	left := make([]*socket, 0, len(s.open))
	for c := range s.open {
		left = append(left, c)
	}
	return left
}

func (s *sockets) cut() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.conn.Close()
	}
	return len(s.open)
}
