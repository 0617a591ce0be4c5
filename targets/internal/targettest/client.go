// Package targettest holds what the tests of the targets share: an HTTP client that hides nothing.
// It is imported by tests only.
package targettest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Patience is how long a test waits for what should come at once.
const Patience = 10 * time.Second

// ErrRefused says that no connection could be opened: the server has not taken the request, so none is lost.
var ErrRefused = errors.New("the connection was refused")

// Client speaks HTTP/1.1 over one connection that it keeps alive for as long as the server lets it. It sends nothing
// twice: net/http's client repeats a request when the connection breaks under it, and so hides a lost one.
type Client struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

// NewClient returns a client of the server at url, which is http://host:port. It connects when it has to send.
func NewClient(url string) *Client { return &Client{address: strings.TrimPrefix(url, "http://")} }

// Connect opens the connection if there is none. The error is ErrRefused.
func (c *Client) Connect() error {
	if c.conn != nil {
		return nil
	}
	conn, err := (&net.Dialer{Timeout: Patience}).DialContext(context.Background(), "tcp", c.address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	return nil
}

// Close closes the connection. The next request opens another.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// Write sends text as it is.
func (c *Client) Write(text string) error {
	if err := c.Connect(); err != nil {
		return err
	}
	_ = c.conn.SetDeadline(time.Now().Add(Patience))
	_, err := io.WriteString(c.conn, text)
	return err
}

// Send sends a request and does not wait for its answer.
func (c *Client) Send(method, path, body string) error {
	return c.Write(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: podinfo\r\nContent-Length: %d\r\n\r\n%s",
		method, path, len(body), body))
}

// Answer is what came back for a request.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Closes bool // the server announced the end of the connection
}

// Receive reads the answer to the oldest request that has none.
func (c *Client) Receive() (Answer, error) {
	got, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("half an answer: %w", err)
	}
	if got.Close {
		c.Close()
	}
	return Answer{Status: got.StatusCode, Header: got.Header, Body: string(body), Closes: got.Close}, nil
}

// Do sends a request and returns its answer.
func (c *Client) Do(method, path, body string) (Answer, error) {
	if err := c.Send(method, path, body); err != nil {
		return Answer{}, err
	}
	return c.Receive()
}

// Ended waits until the server has closed the connection, and returns what it sent before.
func (c *Client) Ended() (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(Patience))
	rest, err := io.ReadAll(c.reader)
	return string(rest), err
}

// Ask sends one request on a connection of its own. The test ends if there is no answer.
func Ask(t testing.TB, method, url, path string) Answer {
	t.Helper()
	c := NewClient(url)
	defer c.Close()
	got, err := c.Do(method, path, "")
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// Refused tells whether nobody listens at address, which is host:port.
func Refused(address string) bool {
	c := Client{address: address}
	defer c.Close()
	return c.Connect() != nil
}
