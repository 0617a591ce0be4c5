package host_test

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/host"
)

func TestPluginIsLimited(t *testing.T) {
	t.Parallel()
	const name = "protocol-grpc-limited"
	h, _ := serve(t, name, func(o *host.Options) { o.Limits.Memory = 100 << 20 })
	answer, err := h.Encode(t.Context(), name, "limits")
	limits, ok := answer.([]byte)
	if err != nil || !ok {
		t.Fatalf("the plugin answers %v, %v", answer, err)
	}
	told := strings.Join(strings.Fields(string(limits)), " ")
	for _, want := range []string{
		"Max data size 205520896 205520896", // with 96 MiB that a Go program maps and does not use
		"Max file size 67108864 67108864",
		"Max open files 1024 1024",
		"Max core file size 0 0",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in %s", want, told)
		}
	}
}
