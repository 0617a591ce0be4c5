package system

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// line is a connection that takes any bytes, where net/http's client would not send them.
type line struct {
	t      *testing.T
	conn   *net.TCPConn
	reader *bufio.Reader
}

// dial opens a connection to the HTTP port.
func (p *podinfo) dial(t *testing.T) *line {
	t.Helper()
	return dial(t, strings.TrimPrefix(p.URL, "http://"))
}

func dial(t *testing.T, address string) *line {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &line{t: t, conn: conn.(*net.TCPConn), reader: bufio.NewReader(conn)}
}

// say sends bytes. That the server does not want them all is for the answer to tell.
func (l *line) say(raw string) {
	l.t.Helper()
	_, err := io.WriteString(l.conn, raw)
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		l.t.Errorf("sending %d bytes: %v", len(raw), err)
	}
}

// hear reads one answer to a request with this method, interim ones such as 100 included.
func (l *line) hear(method string) (reply, error) {
	got, err := http.ReadResponse(l.reader, &http.Request{Method: method})
	if err != nil {
		return reply{}, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return reply{got.StatusCode, got.Header, string(body)}, err
}

// wants reads one answer with this status or fails the test.
func (l *line) wants(method string, status int) reply {
	l.t.Helper()
	got, err := l.hear(method)
	if err != nil {
		l.t.Fatalf("no answer to %s, want status %d: %v", method, status, err)
	}
	if got.status != status {
		l.t.Errorf("the answer to %s has status %d, want %d; body %.200q", method, got.status, status, got.body)
	}
	return got
}

// wantsEnd fails the test unless the server closes the connection without another byte.
func (l *line) wantsEnd() {
	l.t.Helper()
	rest, err := io.ReadAll(l.reader)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		l.t.Errorf("waiting for the server to close the connection: %v", err)
	}
	if len(rest) > 0 {
		l.t.Errorf("the server goes on with %.200q, want it to close the connection", rest)
	}
}

// head is a request's head for HTTP/1.1 with these further fields.
func head(method, target string, fields ...string) string {
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: podinfo"}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}
