package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

const otel = "../../../deploy/otel/kubernetes"

// TestOTelManifests has the API server take what `kubectl apply -k deploy/otel/kubernetes` sends, without keeping it. A
// warning, such as that of Pod Security about a pod that would not be admitted, counts as a refusal.
func TestOTelManifests(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	n.Kubectl(t, "apply", "--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors",
		"-k", inNamespace(t, n, otel))
}

// TestOTelPodinfo runs the podinfos of deploy/otel and their Redis. The images of what they are seen with are not there
// in a cluster under test, so that it also shows that podinfo works, and says so, while nobody takes its telemetry.
func TestOTelPodinfo(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	dir := inNamespace(t, n, otel)
	none(t, dir, "collector", "jaeger", "prometheus", "grafana")
	applyKustomization(t, n, dir)
	for _, app := range []string{"redis", "podinfo-backend", "podinfo-frontend"} {
		n.WaitRollout(t, "deployment/"+app)
	}
	frontend := "http://" + n.Forward(t, "service/podinfo-frontend", 9898)
	kube.Eventually(t, kube.Until, "the backend's answer through the frontend", func() bool {
		status, text := ask(t, plain(), "POST", frontend+"/echo", "through both")
		return status == 200 && strings.Contains(text, `"through both"`)
	})
	kube.Eventually(t, kube.Until, "Redis to take a value", func() bool {
		status, _ := ask(t, plain(), "PUT", frontend+"/cache/otel", "kept")
		return status == 202
	})
	kube.Eventually(t, kube.Until, "podinfo to say that its telemetry goes nowhere", func() bool {
		log, err := n.TryKubectl("logs", "deployment/podinfo-frontend")
		return err == nil && strings.Contains(log, "telemetry export failed")
	})
	n.Kubectl(t, "delete", "-k", dir)
	n.Gone(t)
}

// none has the kustomization in dir make no pods of some Deployments.
func none(t *testing.T, dir string, deployments ...string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(dir, "kustomization.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("replicas:\n")
	for _, name := range deployments {
		fmt.Fprintf(&text, "  - {name: %s, count: 0}\n", name)
	}
	if _, err := file.WriteString(text.String()); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
