// Package manifest reads rendered Kubernetes objects as the API server does with strict validation, and holds them
// against what every manifest of the project promises: Pod Security "restricted", pinned images, known resources.
package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// Update is the environment variable that makes Golden write its files instead of comparing with them.
const Update = "UPDATE_GOLDEN"

// Objects are what one render holds, in its order.
type Objects []runtime.Object

// Read decodes a stream of YAML documents. A kind or a field that Kubernetes does not know, and a field given twice,
// fail the test. Kinds that are not Kubernetes' own are known when they are registered by the functions in more, such
// as monitoringv1.AddToScheme.
func Read(t testing.TB, stream []byte, more ...func(*runtime.Scheme) error) Objects {
	t.Helper()
	objects, err := read(stream, more)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func read(stream []byte, more []func(*runtime.Scheme) error) (Objects, error) {
	known := runtime.NewScheme()
	for _, register := range append(more, scheme.AddToScheme) {
		if err := register(known); err != nil {
			return nil, err
		}
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	var objects Objects
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, document)
		}
		objects = append(objects, object)
	}
}

// Names are the objects as "Kind/name", in their order.
func (o Objects) Names() []string {
	names := make([]string, 0, len(o))
	for _, object := range o {
		names = append(names, Name(object))
	}
	return names
}

// Name is an object as "Kind/name".
func Name(object runtime.Object) string {
	name := "?"
	if m, err := meta.Accessor(object); err == nil {
		name = m.GetName()
	}
	return object.GetObjectKind().GroupVersionKind().Kind + "/" + name
}

// Get returns the object of type T with the name. The test fails when there is none.
func Get[T runtime.Object](t testing.TB, objects Objects, name string) T {
	t.Helper()
	for _, object := range objects {
		typed, ok := object.(T)
		if m, err := meta.Accessor(object); ok && err == nil && m.GetName() == name {
			return typed
		}
	}
	var none T
	t.Fatalf("no %T is called %q; there are %v", none, name, objects.Names())
	return none
}

// Golden compares got with the file of that name. The test fails when they differ, or writes the file when the
// environment has UPDATE_GOLDEN=1.
func Golden(t testing.TB, file string, got []byte) {
	t.Helper()
	if os.Getenv(Update) == "1" {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the render is not %s any more; see the change with %s=1 go test and git diff. It is now:\n%s",
			file, Update, got)
	}
}
