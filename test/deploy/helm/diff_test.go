package helm

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// short are the places of a Deployment that most lines of a diff are about, and what the lines say for them.
var short = strings.NewReplacer(
	"spec.template.spec.containers[podinfo].", "container.",
	"spec.template.spec.containers[redis].", "container.",
	"spec.template.spec.", "pod.",
)

// diff says in lines what differs between two renders: which object came (+) or went (-), and in the others which field
// was changed (->), added or removed. Entries of a list are told by their name when they have one.
func diff(before, after objects) []string {
	var d differ
	for _, name := range union(before, after) {
		switch {
		case before[name] == nil:
			d = append(d, "+ "+name)
		case after[name] == nil:
			d = append(d, "- "+name)
		default:
			d.compare(name+" ", before[name], after[name])
		}
	}
	return d
}

type differ []string

func (d *differ) say(path, format string, args ...any) {
	*d = append(*d, short.Replace(path)+": "+fmt.Sprintf(format, args...))
}

func (d *differ) compare(path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	switch a := before.(type) {
	case map[string]any:
		if b, ok := after.(map[string]any); ok {
			d.maps(path, a, b)
			return
		}
	case []any:
		if b, ok := after.([]any); ok {
			d.lists(path, a, b)
			return
		}
	}
	d.say(path, "%s -> %s", compact(before), compact(after))
}

func (d *differ) maps(path string, before, after map[string]any) {
	if !strings.HasSuffix(path, " ") {
		path += "."
	}
	for _, key := range union(before, after) {
		d.entry(path+key, key, before, after)
	}
}

func (d *differ) lists(path string, before, after []any) {
	a, named := byName(before)
	b, ok := byName(after)
	if named && ok {
		for _, key := range union(a, b) {
			d.entry(path+"["+key+"]", key, a, b)
		}
		return
	}
	if areMaps(before) && areMaps(after) && len(before) == len(after) {
		for i := range before {
			d.compare(fmt.Sprintf("%s[%d]", path, i), before[i], after[i])
		}
		return
	}
	gone, came := without(before, after), without(after, before)
	if len(gone)+len(came) == 0 { // in another order
		d.say(path, "%s -> %s", compact(before), compact(after))
	}
	for _, entry := range gone {
		d.say(path, "- %s", compact(entry))
	}
	for _, entry := range came {
		d.say(path, "+ %s", compact(entry))
	}
}

func (d *differ) entry(path, key string, before, after map[string]any) {
	a, hadIt := before[key]
	b, hasIt := after[key]
	switch {
	case !hadIt:
		d.say(path, "+ %s", compact(b))
	case !hasIt:
		d.say(path, "- %s", compact(a))
	default:
		d.compare(path, a, b)
	}
}

// byName is a list of maps that each have a name of their own, as a map.
func byName(list []any) (map[string]any, bool) {
	named := make(map[string]any)
	for _, entry := range list {
		name, ok := at(entry, "name").(string)
		if _, taken := named[name]; !ok || taken {
			return nil, false
		}
		named[name] = entry
	}
	return named, true
}

func areMaps(list []any) bool {
	return !slices.ContainsFunc(list, func(entry any) bool {
		_, ok := entry.(map[string]any)
		return !ok
	})
}

// without is list without the entries of other.
func without(list, other []any) []any {
	return slices.DeleteFunc(slices.Clone(list), func(entry any) bool {
		return slices.ContainsFunc(other, func(o any) bool { return reflect.DeepEqual(entry, o) })
	})
}

func union[V any](a, b map[string]V) []string {
	keys := make(map[string]bool)
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// compact is a value as JSON in one line, with spaces where the tables may break it.
func compact(value any) string {
	text, err := json.MarshalIndent(value, "", "")
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(text), "\n", " ")
}

func TestDiff(t *testing.T) {
	t.Parallel()
	const before = `
kind: Deployment
metadata: {name: a}
spec:
  replicas: 1
  template:
    spec:
      containers:
        - {name: podinfo, command: [x, --a, --b], env: [{name: A, value: "1"}, {name: B, value: "2"}]}
---
kind: Service
metadata: {name: a}
`
	const after = `
kind: Deployment
metadata: {name: a, labels: {l: m}}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - {name: podinfo, command: [x, --c, --b], env: [{name: B, value: "3"}]}
---
kind: Ingress
metadata: {name: a}
`
	want := []string{
		`Deployment/a metadata.labels: + { "l": "m" }`,
		`Deployment/a spec.replicas: 1 -> 2`,
		`Deployment/a container.command: - "--a"`,
		`Deployment/a container.command: + "--c"`,
		`Deployment/a container.env[A]: - { "name": "A", "value": "1" }`,
		`Deployment/a container.env[B].value: "2" -> "3"`,
		`+ Ingress/a`,
		`- Service/a`,
	}
	if got := diff(parse(t, before), parse(t, after)); !slices.Equal(got, want) {
		t.Errorf("the difference is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := diff(parse(t, before), parse(t, before)); len(got) != 0 {
		t.Errorf("one render differs from itself in %q", got)
	}
}
