package cache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// dialer connects the pool of go-redis to the server.
type dialer struct {
	tls *tls.Config // nil for a plain connection
}

// dial never fails. A connection that could not be made is handed over as one whose first use answers the error,
// which the pool passes to the caller like any other. A failure that the pool sees itself makes it write plain text
// to stderr, behind the back of our logger, and start a goroutine that outlives Close; both can be changed for the
// whole process only.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, address)
	if err != nil {
		// Without its type, because the pool takes a failed dial for a reason to dial again at once.
		return stillborn{errors.New(err.Error())}, nil
	}
	return conn, nil
}

// connect dials and, for TLS, shakes hands. The pool bounds ctx with the timeout for dialing.
func (d dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	// Probes find a server that vanished without a word within 45 seconds.
	keepAlive := net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}
	socket, err := (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext(ctx, network, address)
	if err != nil || d.tls == nil {
		return socket, err
	}
	secured := tls.Client(socket, d.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("TLS handshake with %s: %w", address, err)
	}
	return tlsConn{Conn: secured, socket: socket}, nil
}

// tlsConn lets the pool see the socket below a TLS connection. That is where it looks, before it lends a connection,
// for one that the server closed while it was idle; without it each such connection would cost a call.
type tlsConn struct {
	*tls.Conn
	socket net.Conn
}

// SyscallConn gives the socket to look at; the encrypted stream in it is not to be read.
func (c tlsConn) SyscallConn() (syscall.RawConn, error) {
	socket, ok := c.socket.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return socket.SyscallConn()
}

// stillborn is the connection that could not be made. The pool finds it out of order when it lay idle, because its
// first caller had left by then.
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
