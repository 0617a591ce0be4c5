// Package gitops checks the examples of deploy/flux and deploy/flagger against the types of Flux and Flagger, the chart
// and the manifests that they point to, and the metrics and endpoints of a real podinfo.
package gitops

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	flagger "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	source "github.com/fluxcd/source-controller/api/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// root is the directory that paths in a GitRepository of this repository are relative to.
const root = "../../.."

// kubeVersion is what helm renders for. Without a cluster it takes an old version of its own.
const kubeVersion = "1.34.0"

// decoder knows the types of Kubernetes, Flux and Flagger. It refuses fields that are unknown or given twice.
func decoder(t testing.TB) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, autoscalingv2.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme,
		source.AddToScheme, helm.AddToScheme, kustomize.AddToScheme, flagger.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

// documents splits YAML into its documents, without those that hold only comments.
func documents(t testing.TB, text []byte) [][]byte {
	t.Helper()
	var found [][]byte
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		var content any
		if err := yaml.Unmarshal(document, &content); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if content != nil {
			found = append(found, document)
		}
	}
}

// objects decodes the documents of a file, whose path is relative to the root, into their types.
func objects(t testing.TB, file string) []runtime.Object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	decode := decoder(t)
	var found []runtime.Object
	for _, document := range documents(t, text) {
		object, _, err := decode.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v in\n%s", file, err, document)
		}
		found = append(found, object)
	}
	return found
}

// named returns the only object of type T with this name.
func named[T metav1.Object](t testing.TB, among []runtime.Object, name string) T {
	t.Helper()
	i := slices.IndexFunc(among, func(o runtime.Object) bool {
		object, ok := o.(T)
		return ok && object.GetName() == name
	})
	if i < 0 {
		t.Fatalf("no %T %q among %d objects", *new(T), name, len(among))
	}
	return among[i].(T)
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

func TestDecoderRefusesUnknownFields(t *testing.T) {
	t.Parallel()
	const misspelt = `{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "spec": {"analysys": {}}}`
	_, _, err := decoder(t).Decode([]byte(misspelt), nil, nil)
	if err == nil {
		t.Error("a Canary with a misspelt field was accepted; the other tests of this package would prove nothing")
	}
}

// render runs helm template on the chart and decodes what comes out: into types where they are known here, into
// unstructured objects otherwise.
func render(t testing.TB, release string, args ...string) []runtime.Object {
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
	decode := decoder(t)
	var found []runtime.Object
	for _, document := range documents(t, out) {
		object, _, err := decode.Decode(document, nil, nil)
		if runtime.IsNotRegisteredError(err) {
			unknown := new(unstructured.Unstructured)
			err = yaml.Unmarshal(document, &unknown.Object)
			object = unknown
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		found = append(found, object)
	}
	return found
}
