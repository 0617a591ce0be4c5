package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// sendAll sends the messages of one kind.
func sendAll(t *testing.T, conn *websocket.Conn, kind int, messages ...string) {
	t.Helper()
	for _, message := range messages {
		if err := conn.WriteMessage(kind, []byte(message)); err != nil {
			t.Errorf("send %q: %v", message, err)
		}
	}
}

// sendClose starts the closing handshake and waits for the client's half of it.
func sendClose(t *testing.T, conn *websocket.Conn, code int, why string) {
	t.Helper()
	message := websocket.FormatCloseMessage(code, why)
	if err := conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(10*time.Second)); err != nil {
		t.Errorf("send close: %v", err)
	}
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return
		}
	}
}

// The first lines go out, their echoes come back, and the server's close ends the hour's wait for more.
func TestWSPipesLinesAndReplies(t *testing.T) {
	t.Parallel()
	address := websocketServer(t, scriptHandler(t, func(conn *websocket.Conn, _ *http.Request) {
		for range 3 {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			sendAll(t, conn, kind, string(message)+"\n")
		}
		sendClose(t, conn, websocket.CloseNormalClosure, "")
	}))
	r := podcli("hi\nthere\r\nnot \xff UTF-8", "ws", "--wait=1h", address)
	if r.code != 0 || r.stderr != errServerClosed.Error()+"\n" {
		t.Errorf("exit status %d, stderr %q; want 0 and a note", r.code, r.stderr)
	}
	// What is not UTF-8 must travel as binary, and so comes back in hexadecimal: the line and the newline.
	if want := "< hi\n< there\n< 6e6f7420ff205554462d380a\n"; r.stdout != want {
		t.Errorf("stdout is %q, want %q", r.stdout, want)
	}
}

func TestWSSaysGoodbyeAfterTheWait(t *testing.T) {
	t.Parallel()
	// echoHandler complains about a client that leaves without a close frame.
	r := podcli("hi\n", "ws", "--wait=1ms", "ws://"+websocketServer(t, echoHandler(t)))
	if r.code != 0 || r.stderr != "" {
		t.Errorf("exit status %d, stderr %q; want 0 and nothing", r.code, r.stderr)
	}
}

func TestWSShowsOnlyWhatIsSafeToShow(t *testing.T) {
	t.Parallel()
	address := websocketServer(t, scriptHandler(t, func(conn *websocket.Conn, _ *http.Request) {
		sendAll(t, conn, websocket.TextMessage, "\x1b]0;owned\a red\x1b[31m", "{\n\t\"é\": \"\u202e\"\n}\n", "")
		sendAll(t, conn, websocket.BinaryMessage, "\x00\x1b")
		sendClose(t, conn, websocket.ClosePolicyViolation, "\x1b[2J")
	}))
	r := podcli("", "ws", "--wait=1h", address)
	want := "< \\x1b]0;owned\\a red\\x1b[31m\n" + "< {\n< \t\"é\": \"\\u202e\"\n< }\n" + "< \n" + "< 001b\n"
	if r.stdout != want {
		t.Errorf("stdout is %q, want %q", r.stdout, want)
	}
	if want := "Error: websocket: close 1008 (policy violation): \\x1b[2J\n"; r.code != 1 || r.stderr != want {
		t.Errorf("exit status %d, stderr %q; want 1 and %q", r.code, r.stderr, want)
	}
}

func TestWSOrigin(t *testing.T) {
	t.Parallel()
	address := websocketServer(t, scriptHandler(t, func(conn *websocket.Conn, r *http.Request) {
		sendAll(t, conn, websocket.TextMessage, r.Header.Get("Origin"))
		sendClose(t, conn, websocket.CloseGoingAway, "")
	}))
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"from the address", nil, "http://" + address},
		{"short flag", []string{"-o", "https://example.com"}, "https://example.com"},
		{"long flag", []string{"--origin=https://example.com"}, "https://example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := podcli("", append([]string{"ws", "--wait=1h", address}, test.args...)...)
			if r.code != 0 || r.stdout != "< "+test.want+"\n" {
				t.Errorf("exit status %d, the server saw the origin %q, want %q", r.code, r.stdout, test.want)
			}
		})
	}
}

func TestWSGivesUpOnAServerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	address := websocketServer(t, scriptHandler(t, func(*websocket.Conn, *http.Request) { <-done }))
	r := podcli(strings.Repeat(strings.Repeat("x", maxLine/2)+"\n", 64), "ws", "--timeout=200ms", address)
	close(done)
	if r.code != 1 || !strings.Contains(r.stderr, "Error: cannot send: ") {
		t.Errorf("exit status %d, stderr %q; want 1 and the reason", r.code, r.stderr)
	}
}

func TestWSFailures(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLine+1)
	for _, test := range []struct {
		name, stdin, address, want string
	}{
		{"nobody listens", "", testkit.ClosedAddress(t), "Error: cannot connect to ws://"},
		{"no websocket there", "", websocketServer(t, http.NotFoundHandler()), "the server answered 404 Not Found"},
		{"the server hangs up", "hi\n", websocketServer(t, hangUpHandler(t)), "Error: websocket: close 1006"},
		{"a line without end", long, websocketServer(t, scriptHandler(t, func(conn *websocket.Conn, _ *http.Request) {
			if _, _, err := conn.ReadMessage(); err == nil {
				t.Error("the line was sent")
			}
		})), "Error: cannot read the input: a line is longer than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := podcli(test.stdin, "ws", "--wait=1h", test.address)
			if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, test.want) {
				t.Errorf("exit status %d, stdout %q, stderr %q; want 1 and %q", r.code, r.stdout, r.stderr, test.want)
			}
		})
	}
}
