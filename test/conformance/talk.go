package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// talk is a step that opens a websocket at /ws/echo and goes through its lines one after the other.
type talk struct {
	header http.Header
	where  where
	prefix string
	lines  []line
}

// line is one thing said or heard in a talk.
type line func(*socket) error

// socket is the client's end of a talk.
type socket struct {
	*session
	conn *websocket.Conn
	pong string // payload of the last pong
}

func talking(lines ...line) talk { return talk{lines: lines} }

// with adds a header to the handshake.
func (t talk) with(name, value string) talk {
	t.header = t.header.Clone()
	if t.header == nil {
		t.header = http.Header{}
	}
	t.header.Add(name, value)
	return t
}

// at chooses the address at which to talk.
func (t talk) at(place where) talk {
	t.where = place
	return t
}

// under puts a prefix before the path.
func (t talk) under(prefix string) talk {
	t.prefix = prefix
	return t
}

func (t talk) requests() string { return "GET " + t.prefix + "/ws/echo" }

func (t talk) do(s *session) error {
	header := http.Header{}
	for name, values := range t.header {
		for _, value := range values {
			header.Add(name, s.expand(value))
		}
	}
	dialer := websocket.Dialer{TLSClientConfig: s.tls.Clone(), Subprotocols: header.Values("Sec-WebSocket-Protocol")}
	header.Del("Sec-WebSocket-Protocol")
	url := "ws" + strings.TrimPrefix(s.urlOf(t.where), "http") + t.prefix + "/ws/echo"
	conn, answer, err := dialer.DialContext(s.ctx, url, header)
	if answer != nil {
		defer answer.Body.Close()
	}
	if err != nil && answer != nil {
		return fmt.Errorf("the handshake at %s is answered with %s instead of 101: %w", url, answer.Status, err)
	}
	if err != nil {
		return fmt.Errorf("the handshake at %s fails: %w", url, err)
	}
	defer conn.Close()
	c := &socket{session: s, conn: conn}
	conn.SetPongHandler(func(payload string) error {
		c.pong = payload
		return nil
	})
	deadline, _ := s.ctx.Deadline()
	if err := errors.Join(conn.SetReadDeadline(deadline), conn.SetWriteDeadline(deadline)); err != nil {
		return err
	}
	for _, l := range t.lines {
		if err := l(c); err != nil {
			return fmt.Errorf("over the websocket at %s: %w", url, err)
		}
	}
	return nil
}

func sayText(payload string) line {
	return func(c *socket) error { return c.conn.WriteMessage(websocket.TextMessage, []byte(payload)) }
}

func sayBinary(payload string) line {
	return func(c *socket) error { return c.conn.WriteMessage(websocket.BinaryMessage, []byte(payload)) }
}

func sayPing(payload string) line {
	return func(c *socket) error { return c.conn.WriteMessage(websocket.PingMessage, []byte(payload)) }
}

func sayClose(code int) line {
	return func(c *socket) error {
		return c.conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""))
	}
}

// sayBytes writes bytes that are no proper frame.
func sayBytes(frame ...byte) line {
	return func(c *socket) error {
		_, err := c.conn.NetConn().Write(frame)
		return err
	}
}

// hearEcho waits for the echo whose message, as JSON text, is msg.
func hearEcho(msg string) line {
	return func(c *socket) error {
		text, err := c.hear(`"msg":`)
		if err != nil {
			return fmt.Errorf("waiting for the echo %s: %w", abridged(msg), err)
		}
		parts := regexp.MustCompile(`^\{"ts":"([^"]*)","msg":(".*")\}\n$`).FindStringSubmatch(text)
		if parts == nil {
			return fmt.Errorf(`the echo is %s, want {"ts":"...","msg":"..."} and a newline`, abridged(text))
		}
		return errors.Join(timestamp(parts[1]), differ("the message in the echo", parts[2], msg))
	}
}

// hearEchoOf waits for the echo of a long plain text.
func hearEchoOf(payload string) line { return hearEcho(`"` + payload + `"`) }

// hearHostname waits for what the server says by itself, which must come in this span of time.
func hearHostname(least, most time.Duration) line {
	return func(c *socket) error {
		began := time.Now()
		text, err := c.hear(`"server":`)
		if err != nil {
			return fmt.Errorf("waiting for the server's own message: %w", err)
		}
		if took := time.Since(began); took < least || took > most {
			return fmt.Errorf("the server's own message came after %s, want it after %s to %s", took, least, most)
		}
		var said struct{ TS, Server string }
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			return fmt.Errorf("the server's own message %q is not JSON: %w", text, err)
		}
		if !strings.HasSuffix(text, "}\n") {
			return fmt.Errorf("the server's own message %q does not end in a newline", text)
		}
		return errors.Join(timestamp(said.TS), differ("the server", said.Server, c.vars["hostname"]))
	}
}

func hearPong(payload string) line {
	return func(c *socket) error { return differ("the payload of the pong before it", c.pong, payload) }
}

// hearClose waits for the server's close frame. The text is looked at when one is wanted.
func hearClose(code int, text string) line {
	return func(c *socket) error {
		_, err := c.hear("nothing more, since the connection is to be closed")
		closed, ok := errors.AsType[*websocket.CloseError](err)
		if !ok {
			return fmt.Errorf("instead of a close frame with code %d: %w", code, err)
		}
		if closed.Code != code {
			return fmt.Errorf("the close code is %d, want %d", closed.Code, code)
		}
		if text == "" {
			return nil
		}
		return differ("the text in the close frame", closed.Text, text)
	}
}

// hear returns the next text frame that has this in it. Those that the server sends by itself, and that nobody waits
// for, are passed over.
func (c *socket) hear(this string) (string, error) {
	for {
		kind, payload, err := c.conn.ReadMessage()
		if err != nil {
			return "", err
		}
		if kind != websocket.TextMessage {
			return "", fmt.Errorf("a frame of type %d came, want text frames only", kind)
		}
		if text := string(payload); strings.Contains(text, this) || !strings.Contains(text, `"server":`) {
			return text, nil
		}
	}
}

func timestamp(text string) error {
	if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
		return fmt.Errorf("the time stamp %q is not as RFC 3339 has it: %w", text, err)
	}
	return nil
}

// waitForPing waits until the server pings.
func waitForPing(timeout time.Duration) line {
	return func(c *socket) error {
		pinged := false
		c.conn.SetPingHandler(func(payload string) error {
			pinged = true
			return c.conn.WriteMessage(websocket.PongMessage, []byte(payload))
		})
		until := time.Now().Add(timeout)
		for !pinged && time.Now().Before(until) { // what the server says by itself ends each read
			if _, _, err := c.conn.ReadMessage(); err != nil {
				return err
			}
		}
		if !pinged {
			return fmt.Errorf("no ping came within %s", timeout)
		}
		return nil
	}
}
