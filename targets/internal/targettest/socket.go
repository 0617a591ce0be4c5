package targettest

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// OpenSocket opens a websocket on the server at url, which is http://host:port. Reading from it fails after Patience.
// It is closed at the end of the test.
func OpenSocket(t testing.TB, url string) *websocket.Conn {
	t.Helper()
	address := "ws" + strings.TrimPrefix(url, "http") + "/ws/echo"
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(Patience))
	return conn
}
