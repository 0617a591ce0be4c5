package rpc_test

import (
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestGeneratedCodeIsCurrent(t *testing.T) {
	t.Parallel()
	testkit.GeneratedFrom(t, "proto", "rpc/pb")
}
