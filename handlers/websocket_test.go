package handlers_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/podinfo-targets/podinfo/handlers"
)

// dialSocket opens a websocket that ends with the test.
func dialSocket(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	address := "ws" + strings.TrimPrefix(url, "http") + "/ws/echo"
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close(); _ = conn.Close() })
	return conn
}

func TestShutdownTellsEverySocketToGoAway(t *testing.T) {
	t.Parallel()
	api := handlers.New(deps(t))
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	conns := make([]*websocket.Conn, 8)
	for i := range conns {
		conns[i] = dialSocket(t, server.URL)
		exchange(t, conns[i])
	}
	cut := make(chan int, 1)
	go func() { cut <- api.Shutdown(t.Context()) }()
	for _, conn := range conns {
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("a socket ended with %v, not with close 1001", err)
		}
	}
	if n := <-cut; n != 0 {
		t.Errorf("%d sockets were cut, though all answered the close", n)
	}
	late := dialSocket(t, server.URL)
	if _, _, err := late.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("a socket opened during the shutdown ended with %v, not with close 1001", err)
	}
}

// TestShutdownIsNotHeldBySocketsThatDoNotRead stalls the server's writes to its peers, one of which alone would hold a
// goodbye for a second.
func TestShutdownIsNotHeldBySocketsThatDoNotRead(t *testing.T) {
	t.Parallel()
	const sockets = 8
	api := handlers.New(deps(t))
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	for range sockets {
		stall(t, dialSocket(t, server.URL))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if cut := api.Shutdown(ctx); cut != sockets {
		t.Errorf("%d sockets were cut, want %d", cut, sockets)
	}
	if took := time.Since(begin); took > sockets*time.Second/2 {
		t.Errorf("the shutdown took %s: the sockets were told one after the other", took)
	}
}

// exchange makes sure that the server serves the socket by now.
func exchange(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
}

// stall sends without reading until the server, whose own writes are stuck, takes no more.
func stall(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	message := make([]byte, 1<<20)
	for range 100 {
		if err := conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if conn.WriteMessage(websocket.BinaryMessage, message) != nil {
			return
		}
	}
	t.Fatal("the server took 100 MiB without its answers being read")
}
