package parity

import (
	"testing"

	"github.com/podinfo-targets/podinfo/test/conformance"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// k8s is the long-running server. It is the one that the table was written for, so it lacks nothing.
func k8s() []platform {
	target := conformance.Target{Name: "Kubernetes", Settings: []string{"--cache-server=memory://"}}
	target.Start = func(t testing.TB, settings []string) (conformance.Target, error) {
		return conformance.OfProcess(testkit.StartPodinfo(t, settings...)), nil
	}
	return []platform{{about: "`bin/podinfo`, the long-running server, with nothing before it.", target: target}}
}
