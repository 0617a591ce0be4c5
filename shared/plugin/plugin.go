// Package plugin is what the author of a protocol plugin needs. A plugin is a program of its own that podinfo finds in
// a directory, starts and asks to encode and decode values. All of it:
//
//	func main() { plugin.Serve(codec{}) }
//
// codec being a type with the methods of Protocol. The program serves both transports, and its name says which one: as
// protocol-grpc-NAME it speaks gRPC, and as protocol-rpc-NAME net/rpc. Only over gRPC can it call its host (HostFrom).
//
// What the plugin prints, to stdout too, is in the host's log. A panic of its methods is an error of that call, and a
// context of theirs ends when nobody waits for the answer any more.
package plugin

import (
	"context"
	"encoding/gob"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

// What plugins and hosts agree on.
type (
	// Protocol is what a plugin implements.
	Protocol = contract.Protocol
	// Info is what a plugin says of itself.
	Info = contract.Info
	// Caller is the host as a plugin sees it.
	Caller = contract.Caller
)

// MaxMessage bounds what Encode and Decode take and return, in bytes.
const MaxMessage = wire.MaxMessage

// ErrNotFound says that the host has no such cache key or configuration file.
var ErrNotFound = contract.ErrNotFound

// Register makes the types of the values known, so that Encode and Decode can take and return values of them. The
// plugin and its host both have to register a type, and both must give it the same name. It panics as gob.Register does
// (https://pkg.go.dev/encoding/gob#Register), and is to be called before Serve.
//
// Nothing need be registered for nil, bools, numbers, strings and []byte, nor for slices of them and maps of strings to
// them. They arrive as nil, bool, int64, uint64, float64, string, []byte, []any and map[string]any.
//
// A registered type that holds interfaces or itself can be sent as deep in itself as the other side likes: a host
// should not register one for plugins that it does not trust.
func Register(values ...any) {
	for _, v := range values {
		gob.Register(v)
	}
}

// HostFrom returns the host of the plugin whose method was called with ctx. The error says why there is none to call:
// it takes a plugin over gRPC and a host that takes calls. The host can be called until the method has returned, and
// later with another context.
func HostFrom(ctx context.Context) (Caller, error) { return wire.CallerFrom(ctx) }
