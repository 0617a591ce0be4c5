// Command protocol-grpc-sparkplugb is a plugin that turns JSON into payloads of Sparkplug 3.0
// (https://sparkplug.eclipse.org/specification/), which are messages of Eclipse Tahu's protobuf, and back. The JSON is
// what the specification itself shows payloads as:
//
//	{"timestamp": 1486144502122, "seq": 2, "metrics": [
//	  {"name": "Supply Voltage", "timestamp": 1486144502122, "dataType": "Float", "value": 12.3}]}
//
// Bytes are base64, a DataSet is {"columns": […], "types": […], "rows": [[…]]}, a Template {"isDefinition": …,
// "templateRef": …, "version": …, "metrics": […], "parameters": [{"name": …, "type": …, "value": …}]}, and properties
// {"key": {"type": …, "value": …}}. NaN and the infinities are text. A value that its data type does not allow is
// refused, such as a whole number that a Float or Double would make another one. So is a payload whose parts take more
// than 16 MiB of memory; 30,000 metrics with a name, a time, a data type and a value take less.
package main

import (
	"context"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/shared/plugin"
)

//go:generate ../../rpc/generate.sh ../.. proto

func main() { plugin.Serve(codec{}) }

type codec struct{}

// Info says what the plugin is.
func (codec) Info(context.Context) (plugin.Info, error) {
	return plugin.Info{
		Name:        "Sparkplug B",
		Version:     "1.0.0",
		Description: "payloads of Eclipse Sparkplug 3.0, the namespace spBv1.0 of MQTT",
		ContentType: "application/x-protobuf", // the specification registers none
	}, nil
}

// Encode returns the payload that value describes, as []byte.
func (codec) Encode(_ context.Context, value any) (any, error) { return encode(value) }

// Decode returns what a payload says, which is a []byte.
func (codec) Decode(_ context.Context, value any) (any, error) {
	data, err := notation.Encoded(value)
	if err != nil {
		return nil, err
	}
	return decode(data)
}
