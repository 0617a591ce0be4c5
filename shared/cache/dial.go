package cache

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"
)

// keepAlive notices a server that vanished without a word within 45 seconds.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}

// dialer connects the pool of go-redis to the server.
type dialer struct {
	timeout time.Duration
	tls     *tls.Config // nil for a plain connection
}

// dial never fails. A connection that could not be made is handed over as one whose first use answers the error, which the
// pool passes to the caller like any other. A failure that the pool sees itself makes it write plain text to stderr,
// behind the back of our logger, and start a goroutine that outlives Close; both can be changed for the whole process
// only.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, address)
	if err != nil {
		// Without its type, because the pool takes a failed dial for a reason to dial again at once.
		return stillborn{errors.New(err.Error())}, nil
	}
	return conn, nil
}

func (d dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: d.timeout, KeepAliveConfig: keepAlive}
	if d.tls == nil {
		return plain.DialContext(ctx, network, address)
	}
	conn, err := (&tls.Dialer{NetDialer: plain, Config: d.tls}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return newTLSConn(conn), nil
}

// tlsConn lets the pool see the socket below a TLS connection. That is where it looks, before it lends a connection, for
// one that the server closed while it was idle; without it each such connection would cost a call.
type tlsConn struct {
	*tls.Conn
	socket syscall.Conn
}

func newTLSConn(conn net.Conn) net.Conn {
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return conn
	}
	socket, ok := secured.NetConn().(syscall.Conn)
	if !ok {
		return conn
	}
	return tlsConn{Conn: secured, socket: socket}
}

// SyscallConn gives the socket to look at; the encrypted stream in it is not to be read.
func (c tlsConn) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }

// stillborn is the connection that could not be made. The pool finds it out of order when it lay idle, because its first
// caller had left by then.
type stillborn struct{ err error }

func (s stillborn) Read([]byte) (int, error)              { return 0, s.err }
func (s stillborn) Write([]byte) (int, error)             { return 0, s.err }
func (s stillborn) SyscallConn() (syscall.RawConn, error) { return nil, s.err }
func (s stillborn) Close() error                          { return nil }
func (s stillborn) LocalAddr() net.Addr                   { return &net.TCPAddr{} }
func (s stillborn) RemoteAddr() net.Addr                  { return &net.TCPAddr{} }
func (s stillborn) SetDeadline(time.Time) error           { return nil }
func (s stillborn) SetReadDeadline(time.Time) error       { return nil }
func (s stillborn) SetWriteDeadline(time.Time) error      { return nil }
