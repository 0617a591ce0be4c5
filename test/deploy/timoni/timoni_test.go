// Package timoni checks the module of deploy/timoni/podinfo, evaluated with CUE's own library in the way that Timoni
// evaluates modules (https://timoni.sh/module/).
package timoni

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/load"
	"sigs.k8s.io/yaml"
)

const (
	moduleDir = "../../../deploy/timoni/podinfo"

	// schema is what Timoni takes for an instance; it lays a file like this over each module.
	schema = `package main
timoni: close({
	apiVersion: "v1alpha1"
	instance: {...}
	apply: [string]: [...{...}]
	kubeMinorVersion?: int
})`
)

// instance is what somebody asks Timoni for: timoni apply NAME --namespace=NAMESPACE --values=VALUES.
type instance struct {
	name, namespace            string
	moduleVersion, kubeVersion string
	values                     string // a CUE struct
}

// shop is an instance with the values, on a Kubernetes that the module is made for.
func shop(values string) instance {
	return instance{
		name: "shop", namespace: "market", moduleVersion: "1.2.3", kubeVersion: "1.34.0", values: values,
	}
}

// set is one of the sets of objects that Timoni applies one after the other.
type set struct {
	name string
	yaml []byte
}

// build is what Timoni does for `timoni build`: the user's values replace values.cue, the instance's name and namespace
// are injected as tags, the versions as tag variables, and the lists under timoni.apply are the objects.
func build(i instance) ([]set, error) {
	module, err := filepath.Abs(moduleDir)
	if err != nil {
		return nil, err
	}
	value, err := evaluate(module, i)
	if err != nil {
		return nil, err
	}
	// The whole instance has to be concrete, not only the objects that are applied.
	made := value.LookupPath(cue.ParsePath("timoni.instance"))
	if err := made.Validate(cue.Concrete(true), cue.Final()); err != nil {
		return nil, detailed(err)
	}
	return applySets(value.LookupPath(cue.ParsePath("timoni.apply")))
}

func evaluate(module string, i instance) (cue.Value, error) {
	instances := load.Instances([]string{}, &load.Config{
		ModuleRoot: module,
		Dir:        module,
		Package:    "main",
		DataFiles:  true,
		Overlay: map[string]load.Source{
			filepath.Join(module, "values.cue"):        load.FromString("package main\nvalues: " + i.values),
			filepath.Join(module, "timoni.schema.cue"): load.FromString(schema),
		},
		Tags: []string{"name=" + i.name, "namespace=" + i.namespace},
		TagVars: map[string]load.TagVar{
			"moduleVersion": text(i.moduleVersion),
			"kubeVersion":   text(i.kubeVersion),
		},
	})
	if len(instances) != 1 {
		return cue.Value{}, fmt.Errorf("the module has %d packages in its root, want 1", len(instances))
	}
	if err := instances[0].Err; err != nil {
		return cue.Value{}, err
	}
	value := cuecontext.New().BuildInstance(instances[0])
	return value, detailed(value.Validate())
}

func text(s string) load.TagVar {
	return load.TagVar{Func: func() (ast.Expr, error) { return ast.NewString(s), nil }}
}

func applySets(apply cue.Value) ([]set, error) {
	fields, err := apply.Fields()
	if err != nil {
		return nil, err
	}
	var sets []set
	for fields.Next() {
		objects, err := fields.Value().List()
		if err != nil {
			return nil, err
		}
		var documents [][]byte
		for objects.Next() {
			document, err := asYAML(objects.Value())
			if err != nil {
				return nil, err
			}
			documents = append(documents, document)
		}
		sets = append(sets, set{fields.Selector().String(), bytes.Join(documents, []byte("---\n"))})
	}
	return sets, nil
}

func asYAML(object cue.Value) ([]byte, error) {
	if err := object.Validate(cue.Concrete(true), cue.Final()); err != nil {
		return nil, detailed(err)
	}
	asJSON, err := object.MarshalJSON()
	if err != nil {
		return nil, detailed(err)
	}
	return yaml.JSONToYAML(asJSON)
}

// mustBuild returns the sets of an instance as one stream of YAML documents.
func mustBuild(t *testing.T, i instance) []byte {
	t.Helper()
	sets, err := build(i)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, s := range sets {
		all = append(all, s.yaml)
	}
	return bytes.Join(all, []byte("---\n"))
}

// detailed is err with all that CUE knows of it: its own text holds the first of several errors only.
func detailed(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(cueerrors.Details(err, nil))
}
