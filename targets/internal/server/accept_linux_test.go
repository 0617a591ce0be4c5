package server

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestRefuseNew opens one connection before new ones are refused, and tries another after.
func TestRefuseNew(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			refuseNewOn(t, host)
		})
	}
}

func refuseNewOn(t *testing.T, host string) {
	l := listenSomewhere(t, host)
	address := l.Addr().String()
	before, err := connect(t, address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = before.Close() }()

	refuseNew(l)
	after, err := connect(t, address, 200*time.Millisecond)
	if err == nil {
		_ = after.Close()
		t.Error("a connection was opened after new ones were to be refused")
	}
	if !queued(l) {
		t.Error("the connection from before is not in the queue any more")
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = accepted.Close() }()
	if accepted.RemoteAddr().String() != before.LocalAddr().String() {
		t.Errorf("accepted %s, want %s", accepted.RemoteAddr(), before.LocalAddr())
	}
	if queued(l) {
		t.Error("there is another connection in the queue")
	}
	// The connection works like any other although its listener lets nothing in.
	if _, err := before.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if n, err := accepted.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("read %d bytes, %v; want 1", n, err)
	}
	_ = l.Close()
	if _, err := connect(t, address, 10*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the listener closed: %v, want a refusal", err)
	}
}

// listenSomewhere listens as the server does, for what kind of socket it is matters.
func listenSomewhere(t *testing.T, host string) net.Listener {
	t.Helper()
	s := &Server{o: Options{Host: host}}
	var failure error
	for range 5 {
		port, err := strconv.Atoi(testkit.FreePorts(t, 1)[0])
		if err != nil {
			t.Fatal(err)
		}
		l, err := s.listen(port)
		if err == nil {
			t.Cleanup(s.closeListeners)
			return l
		}
		failure = err
	}
	if os.Getenv(testkit.RequireAll) == "" && errors.Is(failure, syscall.EADDRNOTAVAIL) {
		t.Skipf("SKIPPED %s: needs the address %s: %v", t.Name(), host, failure)
	}
	t.Fatal(failure)
	return nil
}

func connect(t *testing.T, address string, timeout time.Duration) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}
