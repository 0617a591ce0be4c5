package main

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestCheckTCP(t *testing.T) {
	t.Parallel()
	address := silentServer(t)
	wantCheck(t, podcli("", "check", "tcp", address), 0, map[string]any{"address": address})
}

func TestCheckTCPOverIPv6(t *testing.T) {
	t.Parallel()
	listener := listenIPv6(t)
	t.Cleanup(func() { listener.Close() })
	address := listener.Addr().String()
	wantCheck(t, podcli("", "check", "tcp", address), 0, map[string]any{"address": address})
}

func TestCheckTCPRefused(t *testing.T) {
	t.Parallel()
	address := testkit.ClosedAddress(t)
	r := podcli("", "check", "tcp", "--retry=2", "--delay=0", address)
	if tried := strings.Count(r.stderr, "check failed"); r.code != 1 || tried != 3 {
		t.Errorf("exit status %d after %d tries, want 1 after 3: %s", r.code, tried, r.stderr)
	}
	for _, entry := range parseLog(t, r.stderr) {
		if !strings.Contains(entry.fields["error"].(string), "connection refused") {
			t.Errorf("the log says %v, want the reason", entry.fields)
		}
	}
}
