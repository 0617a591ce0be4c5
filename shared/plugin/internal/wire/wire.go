// Package wire is how a host and its plugins talk: both ends of both transports, as plugin sets of go-plugin
// (https://github.com/hashicorp/go-plugin). Version 1 of the handshake is net/rpc and version 2 is gRPC, so that the
// two sides can never take one for the other.
//
// Values travel as bytes that both transports carry alike (value.go). That a type is not registered, or a value too
// large or too deep, thereby is found before a transport sees it, and is an ordinary error: encoding/gob under net/rpc
// would take it for the end of the connection instead.
//
// The host trusts no plugin: an answer is refused by its length before it is read, then for its depth and the number of
// its parts before anything is made of them, and text is shortened and freed of control characters.
package wire

//go:generate ../../../../rpc/generate.sh ../../../.. proto

import (
	"context"
	"crypto/tls"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

const (
	// MaxMessage bounds a value in bytes, on both transports and either way.
	MaxMessage = 16 << 20
	// Dispensed is the name under which a plugin is dispensed. What Dispense returns is a Client.
	Dispensed = "protocol"
	// LifeFD is the environment variable that holds the number of the file descriptor at whose end of file a plugin's
	// process exits. The host keeps the other end open as long as it lives.
	LifeFD = "PODINFO_PLUGIN_LIFE_FD"
)

// The versions of the handshake, each with its transport.
const (
	versionRPC  = 1
	versionGRPC = 2
)

// overhead is what a message may hold beside the value, in bytes.
const overhead = 64 << 10

// Client calls a plugin. Errors are of the kinds of package contract, or that of ctx when it ended, or ones for which
// Lost is true. A Client takes any number of calls at a time, and lives as long as the connection of its plugin.
type Client interface {
	Info(ctx context.Context) (contract.Info, error)
	Encode(ctx context.Context, value any) (any, error)
	Decode(ctx context.Context, value any) (any, error)
}

// ClientOptions are what a host sets for one plugin.
type ClientOptions struct {
	// Caller takes the plugin's calls to the host. Without one the plugin has no host to call.
	Caller contract.Caller
	// TLS returns what go-plugin secures its connections with, once there is one; nil is nothing.
	TLS func() *tls.Config
	// MaxMessage bounds a value in bytes; zero is the constant MaxMessage, and more than that is never taken.
	MaxMessage int
}

func (o ClientOptions) limit() int {
	if o.MaxMessage <= 0 {
		return MaxMessage
	}
	return min(o.MaxMessage, MaxMessage)
}

// Handshake is what a plugin must find in its environment to know that a host of ours started it. It is no secret.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{MagicCookieKey: "PODINFO_PLUGIN", MagicCookieValue: "protocol"}
}

// ClientSets returns the host's side of both transports. Only picks the one that the name of a plugin tells.
func ClientSets(o ClientOptions) map[int]goplugin.PluginSet {
	return map[int]goplugin.PluginSet{
		versionRPC:  {Dispensed: &rpcPlugin{options: o}},
		versionGRPC: {Dispensed: &grpcPlugin{options: o}},
	}
}

// ServerSets returns the plugin's side of both transports.
func ServerSets(p contract.Protocol) map[int]goplugin.PluginSet {
	return map[int]goplugin.PluginSet{
		versionRPC:  {Dispensed: &rpcPlugin{protocol: p}},
		versionGRPC: {Dispensed: &grpcPlugin{protocol: p}},
	}
}

// Only returns that one of the sets that speaks the transport.
func Only(t contract.Transport, sets map[int]goplugin.PluginSet) map[int]goplugin.PluginSet {
	version := versionRPC
	if t == contract.GRPC {
		version = versionGRPC
	}
	return map[int]goplugin.PluginSet{version: sets[version]}
}
