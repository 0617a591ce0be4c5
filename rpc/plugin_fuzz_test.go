package rpc

import (
	"bytes"
	"errors"
	"testing"

	"github.com/podinfo-targets/podinfo/rpc/pb/pluginpb"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/value"
)

// FuzzPluginValue holds that whatever a client sends as a value is refused as invalid, or is one that can be sent back:
// bytes as they are, and JSON as the JSON of the same value.
func FuzzPluginValue(f *testing.F) {
	f.Add([]byte("\x00\xff"), false)
	f.Add([]byte(`{"a": [1, 2.5, "b"]}`), true)
	f.Add([]byte(`{"a": 1, "a": 2}`), true)
	f.Add([]byte(`"aGk="`), true)
	f.Fuzz(func(t *testing.T, data []byte, asJSON bool) {
		sent := &pluginpb.Value{Form: &pluginpb.Value_Raw{Raw: data}}
		if asJSON {
			sent.Form = &pluginpb.Value_Json{Json: string(data)}
		}
		for _, fromJSON := range []func([]byte) (any, error){value.FromJSON, value.EncodedFromJSON} {
			argument, err := argumentOf(sent, fromJSON)
			if err != nil {
				if !asJSON || !errors.Is(err, contract.ErrInvalid) && !errors.Is(err, contract.ErrTooLarge) {
					t.Fatalf("%q ended with %v", data, err)
				}
				continue
			}
			answer, contentType, err := valueMessage(argument)
			if err != nil {
				t.Fatalf("%q cannot be sent back: %v", data, err)
			}
			isRaw := contentType == rawType
			if _, answersRaw := answer.GetForm().(*pluginpb.Value_Raw); isRaw != answersRaw {
				t.Fatalf("%q comes back as %v of type %s", data, answer, contentType)
			}
			if !asJSON && !bytes.Equal(answer.GetRaw(), data) {
				t.Fatalf("%q comes back as %q", data, answer.GetRaw())
			}
		}
	})
}
