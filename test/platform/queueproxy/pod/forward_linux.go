package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/podinfo-targets/podinfo/test/platform/queueproxy/internal/wire"
)

const dialTimeout = 10 * time.Second

// dial and listen open sockets of one network or the other.
type (
	dial   func(address string) (net.Conn, error)
	listen func(address string) (net.Listener, error)
)

func dialHere(address string) (net.Conn, error) { return net.DialTimeout("tcp", address, dialTimeout) }

func listenHere(address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(context.Background(), "tcp", address)
}

// dial connects to an address of the namespace. Its loopback interface answers at once.
func (n *namespace) dial(address string) (conn net.Conn, err error) {
	n.do(func() { conn, err = dialHere(address) })
	return conn, err
}

func (n *namespace) listen(address string) (l net.Listener, err error) {
	n.do(func() { l, err = listenHere(address) })
	return l, err
}

// forwardIn makes a port of the namespace reachable on a free port of the machine, and tells which.
func forwardIn(inside *namespace, port string, events *events) error {
	l, err := forward(listenHere, "127.0.0.1:0", inside.dial, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return fmt.Errorf("forwarding port %s: %w", port, err)
	}
	events.send(wire.Event{Port: port, Address: l.Addr().String()})
	return nil
}

// forwardOut makes an address of the machine reachable in the namespace.
func forwardOut(inside *namespace, address string) error {
	if _, err := forward(inside.listen, address, dialHere, address); err != nil {
		return fmt.Errorf("forwarding to %s: %w", address, err)
	}
	return nil
}

func forward(listen listen, from string, dial dial, to string) (net.Listener, error) {
	l, err := listen(from)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go connect(conn, dial, to)
		}
	}()
	return l, nil
}

// connect joins an accepted connection to one that it dials. Who cannot be connected is reset, the nearest that is left
// to being refused.
func connect(accepted net.Conn, dial dial, to string) {
	defer func() { _ = accepted.Close() }()
	dialed, err := dial(to)
	if err != nil {
		_ = accepted.(*net.TCPConn).SetLinger(0)
		return
	}
	defer func() { _ = dialed.Close() }()
	var copying sync.WaitGroup
	copying.Go(func() { pass(accepted, dialed) })
	copying.Go(func() { pass(dialed, accepted) })
	copying.Wait()
}

// pass copies until one side ends, in order or by a reset, and passes that on.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if err != nil {
		_ = to.(*net.TCPConn).SetLinger(0)
		_ = to.Close()
		_ = from.Close()
		return
	}
	_ = to.(*net.TCPConn).CloseWrite()
}
