// Command protocol-rpc-modbus is a plugin that turns JSON into frames of MODBUS
// (https://www.modbus.org/modbus-specifications) and back, for serial lines (RTU) and TCP: requests, responses and
// exceptions of the functions 1 to 6, 15 and 16.
//
//	{"transport": "tcp", "transaction": 1, "unit": 17, "kind": "request", "function": 3, "address": 107, "quantity": 3}
//	{"transport": "tcp", "transaction": 1, "unit": 17, "kind": "response", "function": 3, "values": [555, 0, 100]}
//	{"transport": "rtu", "unit": 17, "kind": "response", "function": 3, "exception": 2}
//
// Values are true and false for coils and inputs, and 0 to 65535 for registers. Decode takes the bytes of a frame, or,
// where they do not show it, also what they are: {"kind": "response", "frame": "EQEDzQAFbyI="}.
package main

import (
	"context"

	"github.com/podinfo-targets/podinfo/shared/plugin"
)

func main() { plugin.Serve(codec{}) }

type codec struct{}

// Info says what the plugin is.
func (codec) Info(context.Context) (plugin.Info, error) {
	return plugin.Info{
		Name:        "MODBUS",
		Version:     "1.0.0",
		Description: "frames of MODBUS RTU and MODBUS TCP, functions 1 to 6, 15 and 16",
		ContentType: "application/octet-stream", // no type is registered
	}, nil
}

// Encode returns the frame that value describes, as []byte.
func (codec) Encode(_ context.Context, value any) (any, error) { return encode(value) }

// Decode returns what a frame says.
func (codec) Decode(_ context.Context, value any) (any, error) { return decode(value) }
