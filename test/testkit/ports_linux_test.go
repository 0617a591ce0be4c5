package testkit

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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

// TestReservedPortsAreNobodysByChance listens on any port of a range in which there is none but the reserved one. See
// IP_LOCAL_PORT_RANGE in https://man7.org/linux/man-pages/man7/ip.7.html.
func TestReservedPortsAreNobodysByChance(t *testing.T) {
	t.Parallel()
	port, err := strconv.Atoi(FreePorts(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	var refused error
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, port<<16|port)
		})
	}}
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err == nil {
		defer l.Close()
	}
	if errors.Is(refused, unix.ENOPROTOOPT) {
		t.Skipf("SKIPPED %s: needs Linux 6.3", t.Name())
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listening on any port of which %d is the only one: %v, want %v", port, err, syscall.EADDRINUSE)
	}
}
