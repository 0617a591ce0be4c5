package kubernetes

import (
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestOTelManifests has the API server take what `kubectl apply -k deploy/otel/kubernetes` sends, without keeping it: a
// cluster under test has no images of Grafana, Prometheus and Jaeger. A warning, such as that of Pod Security about a
// pod that would not be admitted, counts as a refusal.
func TestOTelManifests(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	n.Kubectl(t, "apply", "--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors",
		"-k", inNamespace(t, n, "../../../deploy/otel/kubernetes"))
}
