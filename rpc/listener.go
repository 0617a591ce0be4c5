package rpc

import (
	"net"
	"sync"
	"sync/atomic"
)

// greeting is the least that an HTTP/2 client sends before it can have made a call, in bytes: the preface of 24 and a
// SETTINGS frame, whose head is 9 (RFC 9113 §3.4, §4.1).
const greeting = 24 + 9

// listener hands gRPC connections that are known by the server. gRPC's stop, forced or not, first waits for every
// handshake under way, so a client that connects and stays silent (a TCP probe, a port scan) would hold it up until
// the handshake timeout.
type listener struct {
	net.Listener
	conns *connections
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, conns: l.conns}
	l.conns.add(c)
	return c, nil
}

// Close closes the listener, and the connections that nobody has begun to use. gRPC calls it when it stops.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.conns.closeSilent()
	return err
}

// connections are the open connections of a server. The zero value is ready.
type connections struct {
	mu       sync.Mutex
	open     map[*conn]struct{}
	stopping bool
}

// add keeps c, or closes it at once when it was accepted in the very moment in which the server stopped.
func (cs *connections) add(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.stopping {
		_ = c.Conn.Close()
		return
	}
	if cs.open == nil {
		cs.open = make(map[*conn]struct{})
	}
	cs.open[c] = struct{}{}
}

// remove forgets c.
func (cs *connections) remove(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
}

// closeSilent closes the connections that have not sent a whole greeting, and all that are still to come.
func (cs *connections) closeSilent() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.stopping = true
	for c := range cs.open {
		if c.received.Load() < greeting {
			_ = c.Conn.Close()
		}
	}
}

// closeAll closes every connection.
func (cs *connections) closeAll() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		_ = c.Conn.Close()
	}
}

// conn counts what it receives, up to the greeting.
type conn struct {
	net.Conn
	conns    *connections
	received atomic.Int64
}

// Read reads from the connection.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.received.Load() < greeting {
		c.received.Add(int64(n))
	}
	return n, err
}

// Close closes the connection.
func (c *conn) Close() error {
	c.conns.remove(c)
	return c.Conn.Close()
}
