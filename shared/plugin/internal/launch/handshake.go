package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

// longestHandshake has room for a certificate: https://github.com/hashicorp/go-plugin/blob/main/docs/internals.md.
const longestHandshake = 8 << 10

// shortCertificate is the longest that go-plugin does not take for a certificate.
const shortCertificate = 50

// handshake is the line by which a plugin says where and how it serves:
// core version, version of our protocol, network, address, transport and, for mutual TLS, its certificate.
type handshake struct {
	core, version, network, address, transport, certificate string
}

// parse reads the first line of a plugin.
func parse(line string) (handshake, error) {
	line = strings.TrimSpace(line)
	parts := strings.Split(line, "|")
	if len(parts) < 4 || parts[0] != "1" {
		return handshake{}, fmt.Errorf("the first line that the plugin printed, %s, is no handshake; it must print nothing "+
			"before it serves", strconv.Quote(brief(line)))
	}
	// Without a transport it is net/rpc, which go-plugin had before there was a choice.
	h := handshake{core: parts[0], version: parts[1], network: parts[2], address: parts[3], transport: "netrpc"}
	if len(parts) > 4 {
		h.transport = parts[4]
	}
	if len(parts) > 5 {
		h.certificate = parts[5]
	}
	return h, nil
}

// agree tells whether the handshake is what the name of the plugin's file and our settings promise. It makes of it what
// go-plugin may see.
func (h *handshake) agree(t contract.Transport, mtls bool) error {
	spoken := map[string]contract.Transport{"grpc": contract.GRPC, "netrpc": contract.RPC}[h.transport]
	if spoken == "" {
		return fmt.Errorf("the plugin speaks %q, which is neither grpc nor netrpc", brief(h.transport))
	}
	if spoken != t {
		return fmt.Errorf("the plugin is called protocol-%s-… but speaks %s; call it protocol-%s-…",
			t, h.transport, spoken)
	}
	if want := version(t); h.version != want {
		return fmt.Errorf("the plugin serves version %q of the protocol, and this host version %s; build both from the "+
			"same version of podinfo", brief(h.version), want)
	}
	if mtls && len(h.certificate) <= shortCertificate {
		return errors.New("the plugin has no certificate, though mutual TLS is on")
	}
	if !mtls {
		// go-plugin panics when it gets a certificate that it did not ask for.
		h.certificate = ""
	}
	return nil
}

// version is that of our protocol on the transport.
func version(t contract.Transport) string {
	for v := range wire.Only(t, wire.ClientSets(wire.ClientOptions{})) {
		return strconv.Itoa(v)
	}
	return ""
}

// line is the handshake as go-plugin reads it.
func (h *handshake) line() string {
	return strings.Join([]string{h.core, h.version, h.network, h.address, h.transport, h.certificate}, "|")
}

// inside tells whether the address that a plugin gave is a socket in dir, and not one by which it would have us talk to
// someone else.
func inside(dir, network, address string) error {
	if network != "unix" {
		return fmt.Errorf("the plugin listens on %q, not on a Unix socket", brief(network+" "+address))
	}
	if filepath.Dir(address) != dir || filepath.Clean(address) != address {
		return fmt.Errorf("the plugin listens on %q, which is outside its own directory", brief(address))
	}
	info, err := os.Lstat(address)
	if err != nil {
		return fmt.Errorf("look at the plugin's socket: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("the plugin listens on %q, which is no socket", brief(address))
	}
	return nil
}

// brief shortens what comes from a plugin for a message.
func brief(s string) string {
	const longest = 200
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}
