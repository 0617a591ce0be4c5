package server_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Conn speaks HTTP/2 frame by frame, so that a test sees GOAWAY and nothing is repeated.
type http2Conn struct {
	net.Conn
	framer *http2.Framer
}

// newHTTP2Conn starts HTTP/2 on conn. What reader has buffered comes first.
func newHTTP2Conn(t *testing.T, conn net.Conn, reader io.Reader) *http2Conn {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	c := &http2Conn{Conn: conn, framer: http2.NewFramer(conn, reader)}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := c.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return c
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// priorKnowledge starts with HTTP/2 on the plain port.
func priorKnowledge(t *testing.T, r *rig) *http2Conn {
	t.Helper()
	conn := dial(t, r.address(r.options.Port))
	return newHTTP2Conn(t, conn, conn)
}

// overTLS agrees on HTTP/2 in the handshake.
func overTLS(t *testing.T, r *rig) *http2Conn {
	t.Helper()
	conn := tls.Client(dial(t, r.address(r.options.SecurePort)), &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"},
	})
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
		t.Fatalf("the server chose %q, want h2", got)
	}
	return newHTTP2Conn(t, conn, conn)
}

// upgraded asks for HTTP/2 with a request of HTTP/1.1, whose answer comes on stream 1.
func upgraded(t *testing.T, r *rig) *http2Conn {
	t.Helper()
	conn := dial(t, r.address(r.options.Port))
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, upgradeRequest("GET", "/version", "")); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	got, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	if got.StatusCode != http.StatusSwitchingProtocols || got.Header.Get("Upgrade") != "h2c" {
		t.Fatalf("the upgrade is answered with %s and Upgrade %q", got.Status, got.Header.Get("Upgrade"))
	}
	c := newHTTP2Conn(t, conn, reader)
	if status, _, err := c.receive(1); err != nil || status != "200" {
		t.Fatalf("the request that asked for the upgrade is answered with %s, %v; want 200", status, err)
	}
	return c
}

// upgradeRequest is a request that asks for the upgrade of RFC 7540 §3.2.
func upgradeRequest(method, path, body string) string {
	settings := base64.RawURLEncoding.EncodeToString(nil) // none
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: podinfo\r\nContent-Length: %d\r\nConnection: Upgrade, HTTP2-Settings\r\n"+
		"Upgrade: h2c\r\nHTTP2-Settings: %s\r\n\r\n%s", method, path, len(body), settings, body)
}

// send sends a GET request.
func (c *http2Conn) send(stream uint32, path string) error { return c.open(stream, "GET", path, true) }

// open opens a stream with the head of a request.
func (c *http2Conn) open(stream uint32, method, path string, whole bool) error {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{
		{":method", method}, {":scheme", "http"}, {":authority", "podinfo"}, {":path", path},
	} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	return c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: block.Bytes(), EndStream: whole, EndHeaders: true,
	})
}

// receive reads until a stream has ended. It returns the stream's status, and whether GOAWAY came on the way.
func (c *http2Conn) receive(stream uint32) (status string, goAway bool, err error) {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return status, goAway, err
		}
		switch f := frame.(type) {
		case *http2.GoAwayFrame:
			goAway = true
		case *http2.MetaHeadersFrame:
			if f.StreamID == stream {
				status = f.PseudoValue("status")
			}
		}
		if frame.Header().StreamID == stream && frame.Header().Flags.Has(http2.FlagDataEndStream) {
			return status, goAway, nil
		}
	}
}

// goAway reads until GOAWAY and returns the last stream that the server looked at.
func (c *http2Conn) goAway() (lastStream uint32, err error) {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return 0, fmt.Errorf("no GOAWAY: %w", err)
		}
		if f, ok := frame.(*http2.GoAwayFrame); ok {
			if f.ErrCode != http2.ErrCodeNo {
				return 0, fmt.Errorf("GOAWAY with %s", f.ErrCode)
			}
			return f.LastStreamID, nil
		}
	}
}

// waysToHTTP2 are all of them.
func waysToHTTP2() map[string]func(*testing.T, *rig) *http2Conn {
	return map[string]func(*testing.T, *rig) *http2Conn{
		"prior knowledge": priorKnowledge, "TLS": overTLS, "upgrade": upgraded,
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	r := start(t, "--h2c")
	for name, connect := range waysToHTTP2() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connect(t, r)
			for stream := uint32(3); stream < 9; stream += 2 {
				if err := c.send(stream, "/version"); err != nil {
					t.Fatal(err)
				}
				status, goAway, err := c.receive(stream)
				if err != nil || status != "200" || goAway {
					t.Fatalf("status %s, GOAWAY %t, %v; want 200 on a connection that stays", status, goAway, err)
				}
			}
		})
	}
}

func TestPlainPortSpeaksHTTP1OnlyWithoutH2C(t *testing.T) {
	t.Parallel()
	r := start(t)
	c := priorKnowledge(t, r)
	if err := c.send(3, "/version"); err == nil {
		if status, _, err := c.receive(3); err == nil {
			t.Errorf("HTTP/2 is answered with %s although it is off", status)
		}
	}
}

func TestH2CLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	r := start(t, "--h2c")
	ask := upgradeRequest("GET", "/version", "")
	for name, test := range map[string]struct{ request, want string }{
		"no upgrade":        {"GET /version HTTP/1.1\r\nHost: p\r\n\r\n", "200"},
		"another upgrade":   {strings.Replace(ask, "Upgrade: h2c", "Upgrade: h3c", 1), "200"},
		"no settings":       {strings.Replace(ask, "HTTP2-Settings:", "Other:", 1), "200"},
		"not base64":        {strings.Replace(ask, "HTTP2-Settings: ", "HTTP2-Settings: !", 1), "200"},
		"settings twice":    {strings.Replace(ask, "Host:", "HTTP2-Settings: AAMAAABk\r\nHost:", 1), "200"},
		"a body":            {upgradeRequest("POST", "/echo", "hello"), "202"},
		"not in Connection": {strings.Replace(ask, "Upgrade, HTTP2-Settings", "Upgrade", 1), "200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, r.address(r.options.Port))
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(conn, test.request); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+test.want) {
				t.Errorf("answered with %q, %v; want %s over HTTP/1.1", line, err, test.want)
			}
		})
	}
}

func TestASlowBodyOverHTTP2IsRefused(t *testing.T) {
	t.Parallel()
	r := start(t, "--http-server-timeout=300ms")
	c := overTLS(t, r)
	if err := c.open(3, "POST", "/echo", false); err != nil {
		t.Fatal(err)
	}
	if status, _, err := c.receive(3); err != nil || status != "408" {
		t.Errorf("status %s, %v; want 408", status, err)
	}
}

// TestHTTP2SaysGoAway is about clients that ask while the server drains, and about those that do not.
func TestHTTP2SaysGoAway(t *testing.T) {
	t.Parallel()
	for name, connect := range waysToHTTP2() {
		t.Run("busy, "+name, func(t *testing.T) {
			t.Parallel()
			r := start(t, "--h2c")
			c := connect(t, r)
			r.options.Health.Drain()
			if err := c.send(3, "/version"); err != nil {
				t.Fatal(err)
			}
			status, goAway, err := c.receive(3)
			if err != nil || status != "200" {
				t.Fatalf("status %s, %v; want an answer while the server drains", status, err)
			}
			if !goAway {
				if _, err := c.goAway(); err != nil {
					t.Error(err)
				}
			}
		})
		t.Run("idle, "+name, func(t *testing.T) {
			t.Parallel()
			r := start(t, "--h2c")
			c := connect(t, r)
			if err := c.send(3, "/version"); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.receive(3); err != nil {
				t.Fatal(err)
			}
			r.terminate()
			last, err := c.goAway()
			if err != nil || last < 3 {
				t.Errorf("the last stream is %d, %v; want 3", last, err)
			}
			if code := r.exit(t); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			if _, err := c.goAway(); !errors.Is(err, io.EOF) {
				t.Errorf("%v; want the connection to be closed in order", err)
			}
		})
	}
}

// TestRequestsOverHTTP2AreAnswered stops the server while a request is in flight.
func TestRequestsOverHTTP2AreAnswered(t *testing.T) {
	t.Parallel()
	for name, connect := range waysToHTTP2() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, "--h2c", "--level=debug")
			c := connect(t, r)
			if err := c.send(3, "/delay/1"); err != nil {
				t.Fatal(err)
			}
			r.eventuallyLogs(t, "/delay/1")
			r.terminate()
			if status, _, err := c.receive(3); err != nil || status != "200" {
				t.Errorf("status %s, %v; want an answer", status, err)
			}
			if code := r.exit(t); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
		})
	}
}
