package wire

import (
	"context"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// protocol is a Protocol made of functions.
type protocol struct {
	info           func(context.Context) (contract.Info, error)
	encode, decode method
}

func (p protocol) Info(ctx context.Context) (contract.Info, error) { return p.info(ctx) }

func (p protocol) Encode(ctx context.Context, v any) (any, error) { return p.encode(ctx, v) }

func (p protocol) Decode(ctx context.Context, v any) (any, error) { return p.decode(ctx, v) }

// encoding is a Protocol of which only Encode is of interest.
func encoding(encode method) protocol {
	return protocol{
		info:   func(context.Context) (contract.Info, error) { return contract.Info{Name: "test"}, nil },
		encode: encode,
		decode: echo,
	}
}

func echo(_ context.Context, v any) (any, error) { return v, nil }

// overBoth runs a test over both transports.
func overBoth(t *testing.T, test func(t *testing.T, transport contract.Transport)) {
	t.Helper()
	for _, transport := range []contract.Transport{contract.RPC, contract.GRPC} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			test(t, transport)
		})
	}
}

// connect serves p as go-plugin does in a plugin's process, and returns a Client that go-plugin dispensed.
func connect(t testing.TB, transport contract.Transport, p contract.Protocol, o ClientOptions) Client {
	t.Helper()
	client, _ := dispense(t, transport, ServerSets(p), o)
	return client
}

// dispense serves one of the sets, and returns the Client and the connection that it was dispensed from.
func dispense(t testing.TB, transport contract.Transport, sets map[int]goplugin.PluginSet, o ClientOptions) (
	Client, goplugin.ClientProtocol,
) {
	t.Helper()
	connection := serve(t, transport, sets, ClientSets(o))
	dispensed, err := connection.Dispense(Dispensed)
	if err != nil {
		t.Fatal(err)
	}
	client, ok := dispensed.(Client)
	if !ok {
		t.Fatalf("dispensed a %T", dispensed)
	}
	return client, connection
}

// serve connects the two sides of a transport.
func serve(t testing.TB, transport contract.Transport, servers, clients map[int]goplugin.PluginSet) (
	connection goplugin.ClientProtocol,
) {
	t.Helper()
	attach := make(chan *goplugin.ReattachConfig, 1)
	closed := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	server := &goplugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: Only(transport, servers),
		Logger:           hclog.NewNullLogger(),
		Test:             &goplugin.ServeTestConfig{Context: ctx, ReattachConfigCh: attach, CloseCh: closed},
	}
	if transport == contract.GRPC {
		server.GRPCServer = NewServer
	}
	go goplugin.Serve(server)
	t.Cleanup(func() {
		<-closed // go-plugin stops to serve when its client closes
		cancel()
	})
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  Handshake(),
		Plugins:          only(transport, clients),
		Reattach:         <-attach,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolNetRPC, goplugin.ProtocolGRPC},
		GRPCDialOptions:  DialOptions(),
		Logger:           hclog.NewNullLogger(),
	})
	connection, err := client.Client()
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// only returns the set of the transport.
func only(transport contract.Transport, sets map[int]goplugin.PluginSet) goplugin.PluginSet {
	if transport == contract.GRPC {
		return sets[versionGRPC]
	}
	return sets[versionRPC]
}
