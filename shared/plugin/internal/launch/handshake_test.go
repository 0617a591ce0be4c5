package launch

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	certificate := strings.Repeat("c", 100)
	for _, tc := range []struct {
		name, line string
		transport  contract.Transport
		mtls       bool
		want       string // the line for go-plugin
		wrong      string // or what the error says
	}{
		{name: "gRPC", line: "1|2|unix|/s|grpc|\n", transport: "grpc", want: "1|2|unix|/s|grpc|"},
		{name: "net/rpc", line: "1|1|unix|/s|netrpc|\r\n", transport: "rpc", want: "1|1|unix|/s|netrpc|"},
		{name: "net/rpc unsaid", line: "1|1|unix|/s", transport: "rpc", want: "1|1|unix|/s|netrpc|"},
		{name: "more fields", line: "1|2|unix|/s|grpc||true", transport: "grpc", want: "1|2|unix|/s|grpc|"},
		{name: "certificate", line: "1|2|unix|/s|grpc|" + certificate, transport: "grpc", mtls: true,
			want: "1|2|unix|/s|grpc|" + certificate},
		{name: "certificate unasked", line: "1|2|unix|/s|grpc|" + certificate, transport: "grpc", want: "1|2|unix|/s|grpc|"},
		{name: "no certificate", line: "1|2|unix|/s|grpc|", transport: "grpc", mtls: true, wrong: "no certificate"},
		{name: "short certificate", line: "1|2|unix|/s|grpc|c", transport: "grpc", mtls: true, wrong: "no certificate"},
		{name: "empty", line: "\n", transport: "grpc", wrong: `"", is no handshake`},
		{name: "text", line: "hello", transport: "grpc", wrong: `"hello", is no handshake`},
		{name: "long", line: strings.Repeat("x", 5000), transport: "grpc", wrong: `x…", is no handshake`},
		{name: "core version", line: "2|2|unix|/s|grpc|", transport: "grpc", wrong: "no handshake"},
		{name: "grpc as rpc", line: "1|2|unix|/s|grpc|", transport: "rpc", wrong: "call it protocol-grpc-…"},
		{name: "rpc as grpc", line: "1|1|unix|/s|netrpc|", transport: "grpc", wrong: "call it protocol-rpc-…"},
		{name: "transport", line: "1|1|unix|/s|http|", transport: "grpc", wrong: `"http", which is neither`},
		{name: "version", line: "1|1|unix|/s|grpc|", transport: "grpc", wrong: `version "1" of the protocol`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h, err := parse(tc.line)
			if err == nil {
				err = h.agree(tc.transport, tc.mtls)
			}
			switch {
			case tc.wrong == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.wrong == "" && h.line() != tc.want:
				t.Errorf("go-plugin gets %q, want %q", h.line(), tc.want)
			case tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)):
				t.Errorf("got %v, want an error that says %q", err, tc.wrong)
			case err != nil && len(err.Error()) > 500:
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestInside(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "inside") //nolint:usetesting // t.TempDir is too long for a socket.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Symlink(socket, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		socket:                     "",
		filepath.Join(dir, "link"): "no socket",
		filepath.Join(dir, "file"): "no socket",
		filepath.Join(dir, "none"): "no such file",
		dir + "/./socket":          "outside",
		dir + "/../x":              "outside",
		dir + "//socket":           "outside",
		"/run/docker.sock":         "outside",
		"socket":                   "outside",
		"":                         "outside",
		"@abstract":                "outside",
	} {
		err := inside(dir, "unix", address)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
	if err := inside(dir, "tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "not on a Unix socket") {
		t.Errorf("tcp: got %v", err)
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add("1|2|unix|/s|grpc|", true, false)
	f.Add("1|1|unix|/s", false, false)
	f.Add("1|2|unix|/s|grpc|"+strings.Repeat("c", 100), true, true)
	f.Add("|||||", true, true)
	f.Fuzz(func(t *testing.T, line string, grpc, mtls bool) {
		transport := contract.RPC
		if grpc {
			transport = contract.GRPC
		}
		h, err := parse(line)
		if err != nil || h.agree(transport, mtls) != nil {
			return
		}
		again, err := parse(h.line())
		if err != nil || again != h {
			t.Errorf("%q became %q, which reads as %+v, %v", line, h.line(), again, err)
		}
		if (h.certificate != "") != mtls || strings.ContainsAny(h.line(), "\n") {
			t.Errorf("%q became %q", line, h.line())
		}
	})
}
