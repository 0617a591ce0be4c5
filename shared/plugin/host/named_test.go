package host

import (
	"context"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// signed notes who logs.
type signed struct {
	contract.Caller
	by string
}

func (s *signed) Log(ctx context.Context, _, _ string) error {
	s.by = contract.PluginFrom(ctx)
	return nil
}

func TestLinesOfAPluginTellWhoseTheyAre(t *testing.T) {
	t.Parallel()
	log := &signed{}
	if err := nameCaller(log, "protocol-grpc-a").Log(t.Context(), "info", "hello"); err != nil {
		t.Fatal(err)
	}
	if log.by != "protocol-grpc-a" {
		t.Errorf("the line is of %q, want that of the plugin", log.by)
	}
	if nameCaller(nil, "protocol-grpc-a") != nil {
		t.Error("a plugin without a host to call has one")
	}
}
