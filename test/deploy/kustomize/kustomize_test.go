// Package kustomize checks what the kustomizations of deploy/kustomize build, with Kustomize's own library.
package kustomize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

const root = "../../../deploy/kustomize"

// installs are the directories that people hand to kubectl apply -k, by the names of their golden files.
func installs() map[string]string {
	return map[string]string{
		"podinfo":         root,
		"demo-dev":        filepath.Join(root, "demo/overlays/dev"),
		"demo-staging":    filepath.Join(root, "demo/overlays/staging"),
		"demo-production": filepath.Join(root, "demo/overlays/production"),
	}
}

// build is kubectl kustomize: nothing outside of the kustomizations' own directories is loaded, no plugin runs.
func build(t *testing.T, dir string) []byte {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy // the order that kubectl apply -k uses: namespaces first
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

func TestRenders(t *testing.T) {
	t.Parallel()
	dirs := installs()
	dirs["plugins"] = withPlugins(t)
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rendered := build(t, dir)
			manifest.Golden(t, "testdata/"+name+".yaml", rendered)
			manifest.Secure(t, manifest.Read(t, rendered))
		})
	}
}

// Every directory with a kustomization builds by itself, so that others can start from any of them. Components do not:
// they are parts of another one.
func TestEveryKustomizationBuilds(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(root + "/demo/*/*/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	built := 0
	for _, file := range append(found, root+"/demo/base/kustomization.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nkind: Kustomization\n") {
			manifest.Read(t, build(t, filepath.Dir(file)))
			built++
		}
	}
	if built < 8 {
		t.Errorf("built %d kustomizations of the demo, want its 5 bases and 3 overlays at least", built)
	}
}
