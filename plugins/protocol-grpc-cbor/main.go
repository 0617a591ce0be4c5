// Command protocol-grpc-cbor is a plugin that turns JSON into CBOR (RFC 8949) and back. It encodes deterministically
// (§4.2.1): equal values become equal bytes. What CBOR has and JSON lacks is written as package notation says; beside
// that, as
//
//	{"$int": "18446744073709551616"}    a whole number beyond 64 bits
//	{"$tag": 32, "$value": "http://…"}  a tagged value
//	{"$simple": 16}                     a simple value without a name
//
// undefined is decoded as null, and tag 1 as the time that tag 0 would have. Arrays and maps as keys, and leap seconds,
// are refused.
package main

import (
	"context"
	"log"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/shared/plugin"
)

func main() {
	c, err := newCodec()
	if err != nil {
		log.Fatal(err)
	}
	plugin.Serve(c)
}

// Info says what the plugin is.
func (codec) Info(context.Context) (plugin.Info, error) {
	return plugin.Info{
		Name:        "CBOR",
		Version:     "1.0.0",
		Description: "Concise Binary Object Representation (RFC 8949), deterministically encoded",
		ContentType: "application/cbor", // RFC 8949 §9.5
	}, nil
}

// Encode returns the data item of value, as []byte.
func (c codec) Encode(_ context.Context, value any) (any, error) { return c.encode(value) }

// Decode returns the value of a data item, which is a []byte.
func (c codec) Decode(_ context.Context, value any) (any, error) {
	data, err := notation.Encoded(value)
	if err != nil {
		return nil, err
	}
	return c.decode(data)
}
