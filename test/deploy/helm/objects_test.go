package helm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

// objects are what a render holds, by "Kind/name".
type objects map[string]map[string]any

// parse reads a render. Two objects of one kind and name fail the test.
func parse(t testing.TB, stream string) objects {
	t.Helper()
	found := make(objects)
	for _, document := range manifest.Documents(t, []byte(stream)) {
		var object map[string]any
		if err := yaml.UnmarshalStrict(document, &object); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		key := fmt.Sprintf("%v/%v", object["kind"], at(object, "metadata", "name"))
		if found[key] != nil {
			t.Fatalf("%s is rendered twice", key)
		}
		found[key] = object
	}
	return found
}

func (o objects) names() []string { return slices.Sorted(maps.Keys(o)) }

// at returns what stands in a tree of maps under these keys, or nil.
func at(tree any, keys ...string) any {
	for _, key := range keys {
		branch, ok := tree.(map[string]any)
		if !ok {
			return nil
		}
		tree = branch[key]
	}
	return tree
}

// put sets what stands in a tree of maps under these keys, making the maps on the way.
func put(tree map[string]any, value any, keys ...string) {
	for _, key := range keys[:len(keys)-1] {
		branch, ok := tree[key].(map[string]any)
		if !ok {
			branch = make(map[string]any)
			tree[key] = branch
		}
		tree = branch
	}
	tree[keys[len(keys)-1]] = value
}

// expand makes values of what is written in short, as {hpa.enabled: true}.
func expand(short map[string]any) map[string]any {
	values := make(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(short)) {
		put(values, short[path], strings.Split(path, ".")...)
	}
	return values
}
