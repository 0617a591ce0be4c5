// Command bareplugin is a plugin on bare go-plugin. Its argument is the transport: grpc or rpc.
package main

import (
	"os"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/podinfo-targets/podinfo/test/bench/plugin/bare"
)

func main() {
	config := goplugin.ServeConfig{
		HandshakeConfig: bare.Handshake(), Plugins: goplugin.PluginSet{bare.Dispensed: bare.RPC{}},
	}
	if os.Args[1] == "grpc" {
		config.Plugins[bare.Dispensed] = bare.GRPC{}
		config.GRPCServer = goplugin.DefaultGRPCServer
	}
	goplugin.Serve(&config)
}
