package server_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
)

// TestSlowClientsAreLeft is about clients that hold a connection without getting on. Each is gone when the timeout is
// over, the idle ones after twice that.
func TestSlowClientsAreLeft(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	r := start(t, "--http-server-timeout="+timeout.String())
	plain, secure, metrics := r.options.Port, r.options.SecurePort, r.options.MetricsPort
	for _, test := range []struct {
		name   string
		port   int
		sends  string
		after  time.Duration
		answer string // a part of the last answer; "" is none at all
	}{
		{"silence", plain, "", timeout, ""},
		{"half a head", plain, "GET /version HTTP/1.1\r\nHost: p", timeout, ""},
		{"half a head after a request", plain,
			"GET /version HTTP/1.1\r\nHost: p\r\n\r\nGET /version", timeout, "200 OK"},
		{"half a body", plain, "POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 10\r\n\r\nhalf", timeout, "HTTP/1.1 408 "},
		{"half a chunk", plain, "POST /echo HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", timeout,
			"HTTP/1.1 408 "},
		{"an idle connection", plain, "GET /version HTTP/1.1\r\nHost: p\r\n\r\n", 2 * timeout, "200 OK"},
		{"no handshake", secure, "", timeout, ""},
		{"half a handshake", secure, "\x16\x03\x01\x02\x00\x01", timeout, ""},
		{"half a head on the metrics port", metrics, "GET /metrics HTTP/1.1\r\n", timeout, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := targettest.NewClient(r.address(test.port))
			defer c.Close()
			begin := time.Now()
			if err := c.Write(test.sends); err != nil {
				t.Fatal(err)
			}
			answer, err := c.Ended()
			took := time.Since(begin)
			if err != nil && !isReset(err) {
				t.Fatalf("the connection is not closed: %v", err)
			}
			if (answer == "") != (test.answer == "") || !strings.Contains(answer, test.answer) {
				t.Errorf("answered with %q, want %q", answer, test.answer)
			}
			if took < test.after || took > test.after+patience/2 {
				t.Errorf("closed after %s, want %s", took, test.after)
			}
		})
	}
}

// isReset tells whether the connection was closed with data in it that nobody had read.
func isReset(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && !failed.Timeout()
}

// TestAClientThatDoesNotReadIsLeft takes nothing of an answer that is larger than the buffers of both ends. The stop,
// which has more time, waits until the server gives the answer up.
func TestAClientThatDoesNotReadIsLeft(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("x"), 16<<20)
	hash := fmt.Sprintf("%x", sha1.Sum(large))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, hash), large, 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "--http-server-timeout=500ms", "--server-shutdown-timeout=9s", "--data-path="+dir, "--level=debug")
	c := r.client(t)
	r.send(t, c, "/store/"+hash)
	r.terminate()
	if code := r.exit(t); code != 0 || r.log.has("graceful shutdown failed") {
		t.Errorf("exit code %d; the client held the server until it was cut: %t", code, r.log.has("graceful shutdown failed"))
	}
	answer, err := c.Ended()
	if err != nil && !isReset(err) {
		t.Fatal(err)
	}
	if len(answer) == 0 || len(answer) >= len(large) {
		t.Errorf("%d bytes were sent, want some of %d", len(answer), len(large))
	}
}
