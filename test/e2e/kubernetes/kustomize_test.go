package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

const kustomizations = "../../../deploy/kustomize"

// TestKustomize installs what `kubectl apply -k deploy/kustomize` installs, as it stands.
func TestKustomize(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	applyKustomization(t, n, kustomizations)
	n.WaitRollout(t, "deployment/podinfo")
	eventuallyReplicas(t, n, "podinfo", 2)
	n.Kubectl(t, "exec", "deployment/podinfo", "--", "podcli", "check", "http", "podinfo:9898/readyz", "--retry=9")
	n.Kubectl(t, "exec", "deployment/podinfo", "--", "podcli", "check", "grpc", "podinfo:9999", "--retry=9")
	n.Kubectl(t, "delete", "-k", kustomizations)
	n.Gone(t)
}

// TestKustomizeDemo installs each overlay of the demo, and follows its arrows: frontend -> backend, and both -> cache.
func TestKustomizeDemo(t *testing.T) {
	t.Parallel()
	for _, overlay := range []struct {
		name     string
		replicas int
	}{{"dev", 1}, {"staging", 2}, {"production", 3}} {
		t.Run(overlay.name, func(t *testing.T) {
			t.Parallel()
			n := kube.NewNamespace(t)
			dir := inNamespace(t, n, filepath.Join(kustomizations, "demo/overlays", overlay.name))
			applyKustomization(t, n, dir)
			for _, app := range []string{"cache", "backend", "frontend"} {
				n.WaitRollout(t, "deployment/"+app)
			}
			eventuallyReplicas(t, n, "frontend", overlay.replicas)
			eventuallyReplicas(t, n, "backend", overlay.replicas)
			checkDemo(t, n)
			n.Kubectl(t, "delete", "-k", dir)
			n.Gone(t)
		})
	}
}

func applyKustomization(t *testing.T, n *kube.Namespace, dir string) {
	t.Helper()
	n.Kubectl(t, "apply", "--server-side", "--validate=strict", "-k", dir)
}

// inNamespace returns a kustomization of everything that another one holds, in the test's namespace instead of its own.
func inNamespace(t *testing.T, n *kube.Namespace, dir string) string {
	t.Helper()
	other, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	tmp, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(tmp, other) // kustomize takes no absolute paths
	if err != nil {
		t.Fatal(err)
	}
	// The namespace is there already, and deleting the kustomization must leave it to the test.
	text := fmt.Sprintf(`namespace: %s
resources: [%s]
patches:
  - target: {kind: Namespace}
    patch: '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "any"}, "$patch": "delete"}'
`, n.Name, relative)
	if err := os.WriteFile(filepath.Join(tmp, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return tmp
}

// eventuallyReplicas waits until the autoscaler, if there is one, has asked for its minimum of replicas and they serve.
func eventuallyReplicas(t *testing.T, n *kube.Namespace, deployment string, replicas int) {
	t.Helper()
	kube.Eventually(t, kube.Until, fmt.Sprintf("%d replicas of %s", replicas, deployment), func() bool {
		asked, err := n.TryKubectl("get", "deployment", deployment, "--output=jsonpath={.spec.replicas}")
		return err == nil && asked == strconv.Itoa(replicas)
	})
	n.WaitRollout(t, "deployment/"+deployment)
}

// checkDemo calls the frontend, which must answer with what the backend has echoed, and looks from the backend for a
// value that the frontend has written to the cache.
func checkDemo(t *testing.T, n *kube.Namespace) {
	t.Helper()
	frontend := "http://" + n.Forward(t, "service/frontend", 9898)
	backend := "http://" + n.Forward(t, "service/backend", 9898)
	for _, call := range []struct {
		method, url, body string
		status            int
		text              string
	}{
		{"POST", frontend + "/echo", "through both", 200, `"through both"`},
		{"POST", frontend + "/api/echo", "through both", 200, `"through both"`},
		{"POST", backend + "/echo", "to one", 202, "to one"},
		{"PUT", frontend + "/cache/demo", "kept", 202, ""},
		{"GET", backend + "/cache/demo", "", 200, "kept"},
		{"DELETE", backend + "/cache/demo", "", 202, ""},
		{"GET", frontend + "/cache/demo", "", 404, ""},
	} {
		what := fmt.Sprintf("%s %s to answer %d with %s", call.method, call.url, call.status, call.text)
		// A Service can refuse for a moment after its pods are ready.
		kube.Eventually(t, kube.Until, what, func() bool {
			status, text := ask(t, plain(), call.method, call.url, call.body)
			return status == call.status && strings.Contains(text, call.text)
		})
	}
}
