package knative

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// differences tells, in the order of their paths, in which fields b is not a: `metadata.name: "a" became "b"`.
func differences(t *testing.T, a, b any) []string {
	t.Helper()
	before, after := fields(t, a), fields(t, b)
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	var found []string
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if before[path] != after[path] {
			found = append(found, fmt.Sprintf("%s: %s became %s", path, shown(before, path), shown(after, path)))
		}
	}
	return found
}

func shown(fields map[string]string, path string) string {
	if value, ok := fields[path]; ok {
		return value
	}
	return "nothing"
}

// fields lays an object out flat: the path of each of its values, and the value as JSON.
func fields(t *testing.T, object any) map[string]string {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	flat := map[string]string{}
	flatten(flat, "", tree)
	return flat
}

func flatten(flat map[string]string, path string, tree any) {
	switch node := tree.(type) {
	case map[string]any:
		for name, child := range node {
			if path != "" {
				name = path + "." + name
			}
			flatten(flat, name, child)
		}
	case []any:
		for i, child := range node {
			flatten(flat, fmt.Sprintf("%s[%d]", path, i), child)
		}
	default:
		value, _ := json.Marshal(node) // it has just been read from JSON
		flat[path] = string(value)
	}
}
