// Package bare is the least that go-plugin needs for a call that echoes bytes, on both of its transports: the yardstick
// of podinfo's plugins. The plugin itself is the command bareplugin.
package bare

import (
	"context"
	"net/rpc"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/podinfo-targets/podinfo/test/bench/plugin/service"
)

// Dispensed is the name under which the echo is dispensed. What Dispense returns is an Echo.
const Dispensed = "echo"

// Echo has the plugin echo data.
type Echo func(data []byte) ([]byte, error)

// Handshake is what host and plugin must agree on.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "BENCH_PLUGIN", MagicCookieValue: "bare"}
}

// RPC is the echo over net/rpc.
type RPC struct{}

// Server returns the plugin's side.
func (RPC) Server(*goplugin.MuxBroker) (any, error) { return new(server), nil }

// Client returns the host's side.
func (RPC) Client(_ *goplugin.MuxBroker, c *rpc.Client) (any, error) {
	return Echo(func(data []byte) (answer []byte, err error) {
		err = c.Call("Plugin.Echo", data, &answer)
		return answer, err
	}), nil
}

type server struct{}

// Echo is the method that net/rpc serves.
func (*server) Echo(data []byte, answer *[]byte) error {
	*answer = data
	return nil
}

// GRPC is the echo over gRPC.
type GRPC struct {
	goplugin.NetRPCUnsupportedPlugin
}

// GRPCServer registers the plugin's side.
func (GRPC) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	service.Register(s)
	return nil
}

// GRPCClient returns the host's side.
func (GRPC) GRPCClient(ctx context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return Echo(func(data []byte) ([]byte, error) { return service.Call(ctx, conn, data) }), nil
}
