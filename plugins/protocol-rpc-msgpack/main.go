// Command protocol-rpc-msgpack is a plugin that turns JSON into MessagePack
// (https://github.com/msgpack/msgpack/blob/master/spec.md) and back. Numbers are encoded in their smallest formats, and
// the keys of objects in order: equal values become equal bytes. What MessagePack has and JSON lacks is written as
// package notation says, timestamps among it; beside that, as
//
//	{"$ext": 5, "$data": "AQI="}    an extension type and its bytes in base64
package main

import (
	"context"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/shared/plugin"
)

func main() { plugin.Serve(codec{}) }

type codec struct{}

// Info says what the plugin is.
func (codec) Info(context.Context) (plugin.Info, error) {
	return plugin.Info{
		Name:        "MessagePack",
		Version:     "1.0.0",
		Description: "MessagePack, in the smallest formats and with sorted keys",
		ContentType: "application/vnd.msgpack", // https://www.iana.org/assignments/media-types/application/vnd.msgpack
	}, nil
}

// Encode returns the MessagePack of value, as []byte.
func (codec) Encode(_ context.Context, value any) (any, error) { return encode(value) }

// Decode returns the value of MessagePack, which is a []byte.
func (codec) Decode(_ context.Context, value any) (any, error) {
	data, err := notation.Encoded(value)
	if err != nil {
		return nil, err
	}
	return decode(data)
}
