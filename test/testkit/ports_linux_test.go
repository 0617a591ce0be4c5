package testkit

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestReservedPorts wants a reserved port to refuse connections, and to take a server that asks for it, twice in a row.
func TestReservedPorts(t *testing.T) {
	t.Parallel()
	address := ClosedAddress(t)
	for range 2 {
		refuses(t, address)
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
	refuses(t, address)
}

func refuses(t *testing.T, address string) {
	t.Helper()
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialing %s: %v, want %v", address, err, syscall.ECONNREFUSED)
	}
}
