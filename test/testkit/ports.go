package testkit

import (
	"net"
	"testing"
)

// FreePorts returns n different TCP ports of 127.0.0.1 where nobody listens. On Linux they stay the test's until it
// ends: the kernel gives them to nobody who asks for any port, only to those who name them, as the servers do that a
// test starts, and a connection to one is refused until then. Elsewhere another process can take one before it is used.
func FreePorts(t testing.TB, n int) []string {
	t.Helper()
	ports := make([]string, n)
	for i := range ports {
		ports[i] = reserve(t)
	}
	return ports
}

// ClosedAddress returns a host and port that refuse connections, as FreePorts says.
func ClosedAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", reserve(t))
}
