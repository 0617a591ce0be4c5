package rpc_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/podinfo-targets/podinfo/rpc"
)

// noisy is the environment variable that makes the test binary be the server that TestNothingOnStderr looks at.
const noisy = "RPC_TEST_NOISY_CLIENTS"

// gRPC has a log of its own, which writes to standard error from the level error up, not in our format. Nothing that a
// client can do may get there.
func TestNothingOnStderr(t *testing.T) {
	t.Parallel()
	if os.Getenv(noisy) != "" {
		beNoisy(t)
		return
	}
	var stdout, stderr bytes.Buffer
	child := exec.CommandContext(within(t), os.Args[0], "-test.run=^TestNothingOnStderr$")
	child.Env = append(os.Environ(), noisy+"=1", "GRPC_GO_LOG_SEVERITY_LEVEL=")
	child.Stdout, child.Stderr = &stdout, &stderr
	if err := child.Run(); err != nil {
		t.Fatalf("the server with noisy clients: %v\n%s", err, stdout.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("standard error has what is not a log line of ours:\n%s", stderr.String())
	}
}

// beNoisy serves clients that do everything wrong.
func beNoisy(t *testing.T) {
	r := start(t, func(d *rpc.Deps) { d.Environ = func() []string { panic("defect") } })
	for _, garbage := range []string{
		"",
		"GET / HTTP/1.1\r\nHost: podinfo\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // a TLS handshake
		http2.ClientPreface[:12],
		http2.ClientPreface + strings.Repeat("\xff", 100),
		http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x01\x01\x05\x00\x00\x00\x01\xff",
	} {
		conn, err := r.connect(t)
		if err != nil {
			t.Fatal(err)
		}
		// The server may hang up in the middle, so errors from here on are answers too.
		_, _ = io.WriteString(conn, garbage)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	for _, call := range []struct{ method, body string }{
		{"/env.EnvService/Env", ""},
		{"/echo.EchoService/Echo", "\x0a\x01\xff"},
		{"/echo.EchoService/Echo", strings.Repeat("x", 5<<20)},
		{"/invented.Service/Echo", ""},
		{"/panic.PanicService/Panic", ""},
	} {
		if err := callRaw(t, r, call.method, call.body); err == nil {
			t.Errorf("%s succeeded, want an error", call.method)
		}
	}
	callVersion(t, r.conn)
}
