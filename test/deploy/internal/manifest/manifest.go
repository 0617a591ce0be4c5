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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
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
	objects, err := read(stream, typed, more)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// ReadAll is Read for streams with kinds that nobody here knows: these become unstructured objects.
func ReadAll(t testing.TB, stream []byte, more ...func(*runtime.Scheme) error) Objects {
	t.Helper()
	objects, err := read(stream, typedOrNot, more)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// Documents splits a stream of YAML into its documents, without those that hold only comments.
func Documents(t testing.TB, stream []byte) [][]byte {
	t.Helper()
	found, err := split(stream)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

type decode func(decoder runtime.Decoder, document []byte) (runtime.Object, error)

func read(stream []byte, decode decode, more []func(*runtime.Scheme) error) (Objects, error) {
	known := runtime.NewScheme()
	for _, register := range append(more, scheme.AddToScheme) {
		if err := register(known); err != nil {
			return nil, err
		}
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	documents, err := split(stream)
	if err != nil {
		return nil, err
	}
	var objects Objects
	for _, document := range documents {
		object, err := decode(decoder, document)
		if err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, document)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func typed(decoder runtime.Decoder, document []byte) (runtime.Object, error) {
	object, _, err := decoder.Decode(document, nil, nil)
	return object, err
}

func typedOrNot(decoder runtime.Decoder, document []byte) (runtime.Object, error) {
	object, err := typed(decoder, document)
	if !runtime.IsNotRegisteredError(err) {
		return object, err
	}
	unknown := new(unstructured.Unstructured)
	return unknown, yaml.UnmarshalStrict(document, &unknown.Object)
}

func split(stream []byte) ([][]byte, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	var found [][]byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		var content any
		if err := yaml.Unmarshal(document, &content); err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, document)
		}
		if content != nil {
			found = append(found, document)
		}
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
