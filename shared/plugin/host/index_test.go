package host

import (
	"errors"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

func TestIndexFindsNames(t *testing.T) {
	t.Parallel()
	var x index
	plugins := map[string]*plugin{}
	for _, file := range []string{"protocol-rpc-cbor", "protocol-grpc-cbor", "protocol-grpc-json",
		"protocol-rpc-protocol-grpc-json"} {
		name, err := contract.ParseName(file)
		if err != nil {
			t.Fatal(err)
		}
		plugins[file] = &plugin{name: name}
		x.add(plugins[file])
	}
	for name, want := range map[string]string{
		"protocol-rpc-cbor":  "protocol-rpc-cbor",
		"json":               "protocol-grpc-json",
		"protocol-grpc-json": "protocol-grpc-json", // its file's name goes before the short name of another
	} {
		if p, err := x.find(name); err != nil || p.name.File != want {
			t.Errorf("%s is %v, %v", name, p, err)
		}
	}
	_, err := x.find("cbor")
	names := "protocol-grpc-cbor or protocol-rpc-cbor"
	if !errors.Is(err, contract.ErrAmbiguous) || !strings.Contains(err.Error(), names) {
		t.Errorf("cbor: %v", err)
	}
	if _, err := x.find("rpc-cbor"); !errors.Is(err, contract.ErrNotFound) {
		t.Errorf("rpc-cbor: %v", err)
	}
	x.remove(plugins["protocol-grpc-cbor"])
	if p, err := x.find("cbor"); err != nil || p.name.File != "protocol-rpc-cbor" {
		t.Errorf("cbor, of which one is left, is %v, %v", p, err)
	}
}
