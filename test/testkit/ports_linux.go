package testkit

import (
	"strconv"
	"syscall"
	"testing"
)

// reserve binds a socket to a port and does not listen on it. With SO_REUSEADDR on it, a server that sets that as well,
// and all do, may bind the same port and listen, while the kernel passes it over when it looks for a port itself.
// See https://man7.org/linux/man-pages/man7/socket.7.html.
func reserve(t testing.TB) (port string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("reserving a port: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatalf("reserving a port: %v", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatalf("reserving a port: %v", err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatalf("reserving a port: %v", err)
	}
	return strconv.Itoa(bound.(*syscall.SockaddrInet4).Port)
}
