// Package gitops checks the examples of deploy/flux and deploy/flagger against the types of Flux and Flagger, the chart
// and the manifests that they point to, and the metrics and endpoints of a real podinfo.
package gitops

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	flagger "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	source "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// root is the directory that paths in a GitRepository of this repository are relative to.
const root = "../../.."

// kubeVersion is what helm renders for. Without a cluster it takes an old version of its own.
const kubeVersion = "1.34.0"

// types are what the examples hold beside the types of Kubernetes.
func types() []func(*runtime.Scheme) error {
	return []func(*runtime.Scheme) error{
		source.AddToScheme, helm.AddToScheme, kustomize.AddToScheme, flagger.AddToScheme,
	}
}

// objects decodes the documents of a file, whose path is relative to the root, into their types.
func objects(t testing.TB, file string) manifest.Objects {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return manifest.Read(t, text, types()...)
}

// all returns the objects of type T.
func all[T any](among []runtime.Object) []T {
	var found []T
	for _, o := range among {
		if object, ok := o.(T); ok {
			found = append(found, object)
		}
	}
	return found
}

// examples are the files that are applied as they are.
func examples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "deploy", "fl*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if filepath.Base(file) != "values.yaml" {
			relative, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, relative)
		}
	}
	return found
}

func TestExamplesAreOfTheirTypes(t *testing.T) {
	t.Parallel()
	files := examples(t)
	if len(files) < 8 {
		t.Fatalf("found only %v", files)
	}
	for _, file := range files {
		for _, object := range objects(t, file) {
			meta, ok := object.(metav1.Object)
			if !ok || meta.GetName() == "" {
				t.Errorf("%s has an object without a name: %T", file, object)
				continue
			}
			if _, cluster := object.(*corev1.Namespace); !cluster && meta.GetNamespace() != "podinfo" {
				t.Errorf("%s: %s is in namespace %q, the examples live in podinfo", file, meta.GetName(), meta.GetNamespace())
			}
		}
	}
}

// render runs helm template on the chart and decodes what comes out: into types where they are known here, into
// unstructured objects otherwise.
func render(t testing.TB, release string, args ...string) manifest.Objects {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testkit.Helm(t), append([]string{
		"template", release, filepath.Join(root, "deploy", "helm", "podinfo"),
		"--namespace=podinfo", "--kube-version=" + kubeVersion,
	}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	return manifest.ReadAll(t, out, types()...)
}
