package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// errRefused says that no connection could be opened: the server has not taken the request, so none is lost.
var errRefused = errors.New("connection refused")

// client speaks HTTP/1.1 over one connection that it keeps alive for as long as the server lets it. It sends nothing
// twice: net/http's client repeats a request when the connection breaks under it, and so hides a lost one.
type client struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

func newClient(url string) *client { return &client{address: strings.TrimPrefix(url, "http://")} }

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// answer is what came back for a request.
type answer struct {
	status int
	body   string
	closes bool // the server announced the end of the connection
}

// send writes a request, on a new connection if there is none. It returns errRefused when there can be none.
func (c *client) send(method, path, body string) error {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, patience)
		if err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	_, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: podinfo\r\nContent-Length: %d\r\n\r\n%s",
		method, path, len(body), body)
	return err
}

// receive reads the answer to the request that was sent.
func (c *client) receive() (answer, error) {
	got, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return answer{}, fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return answer{}, fmt.Errorf("half an answer: %w", err)
	}
	if got.Close {
		c.close()
	}
	return answer{status: got.StatusCode, body: string(body), closes: got.Close}, nil
}

func (c *client) do(method, path, body string) (answer, error) {
	if err := c.send(method, path, body); err != nil {
		return answer{}, err
	}
	return c.receive()
}

// ask sends one request on a connection of its own and fails the test if it is not answered.
func ask(t *testing.T, method, url, path string) answer {
	t.Helper()
	c := newClient(url)
	defer c.close()
	got, err := c.do(method, path, "")
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// logged waits until the process has logged a line that contains text.
func logged(t *testing.T, p *testkit.Process, text string) {
	t.Helper()
	testkit.Eventually(t, patience, "the log to tell: "+text, func() bool { return strings.Contains(p.Stderr(), text) })
}
