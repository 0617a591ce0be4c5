//go:build !linux

package testkit

import (
	"net"
	"testing"
)

// reserve finds a port that is free now, and cannot keep it.
func reserve(t testing.TB) (port string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("looking for a free port: %v", err)
	}
	defer l.Close() // for the server that is to have it
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}
