package kubernetes

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestReadme runs the commands for Kubernetes that the project's README shows, those of each program in a namespace of
// their own.
func TestReadme(t *testing.T) {
	t.Parallel()
	programs := map[string]func(*kube.Namespace, ...string) (string, error){
		"helm":    (*kube.Namespace).TryHelm,
		"kubectl": (*kube.Namespace).TryKubectl,
	}
	for program, run := range programs {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			n := kube.NewNamespace(t)
			for _, command := range testkit.CommandsOf(t, "../../../README.md", program) {
				fromHere := strings.ReplaceAll(command, " deploy/", " ../../../deploy/")
				if out, err := run(n, strings.Fields(fromHere)[1:]...); err != nil {
					t.Fatalf("%s: %v\n%s", command, err, out)
				}
				n.WaitRollout(t, "deployment/podinfo")
			}
		})
	}
}
