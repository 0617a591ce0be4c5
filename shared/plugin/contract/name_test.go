package contract_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// names is what a name must match.
var names = regexp.MustCompile(`^protocol-(grpc|rpc)-([a-z0-9][a-z0-9_-]{0,62})$`)

func TestParseName(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", 63)
	for _, file := range []string{
		"protocol-grpc-cbor", "protocol-rpc-modbus", "protocol-grpc-0", "protocol-rpc-a_b-c", "protocol-grpc-a-",
		"protocol-grpc-grpc-x", "protocol-rpc-" + longest, "protocol-rpc-x" + longest,
		"", "protocol", "protocol-", "protocol-grpc", "protocol-grpc-", "protocol--x", "protocol-http-x", "grpc-cbor",
		"protocol-grpc--x", "protocol-grpc-_x", "protocol-GRPC-x", "protocol-grpc-X", "protocol-grpc-a.b",
		"protocol-grpc-a/b", "protocol-grpc-é", "protocol-grpc-a\n", " protocol-grpc-a", "xprotocol-grpc-a",
		".protocol-grpc-a", "protocol-grpc-a\x00",
	} {
		compareName(t, file)
	}
}

// FuzzParseName holds it against the expression.
func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"protocol-grpc-cbor", "protocol-rpc-_", "protocol-grpc-\xff", "protocol-rpc-a-b_c"} {
		f.Add(seed)
	}
	f.Fuzz(compareName)
}

func compareName(t *testing.T, file string) {
	got, err := contract.ParseName(file)
	want := names.FindStringSubmatch(file)
	switch {
	case want == nil && (err == nil || !strings.Contains(err.Error(), "protocol-grpc-NAME")):
		t.Errorf("%q gives %+v and %v, want an error that says what to call it", file, got, err)
	case want != nil && (err != nil || got != contract.Name{
		File: file, Transport: contract.Transport(want[1]), Short: want[2],
	}):
		t.Errorf("%q gives %+v and %v, want %q", file, got, err, want)
	}
}
