package kubernetes

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestHelmManifests hands all that the chart renders, with every file of values that it comes with, to the API server,
// which validates it strictly and keeps nothing.
func TestHelmManifests(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(helmChart + "/ci/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("the chart has no example values: %v", err)
	}
	n := kube.NewNamespace(t)
	t.Cleanup(func() { n.Gone(t) })
	for _, file := range append(files, helmChart+"/values.yaml", helmChart+"/values-prod.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			manifest := n.Helm(t, "template", helmRelease, helmChart, "--values="+file, "--validate")
			out, err := n.TryApply(manifest, "--dry-run=server", "--warnings-as-errors")
			if err != nil {
				t.Fatal(err)
			}
			applied, rendered := strings.Count(out, "serverside-applied"), strings.Count(manifest, "\nkind: ")
			if applied < rendered {
				t.Errorf("%d of %d objects were applied:\n%s", applied, rendered, out)
			}
		})
	}
}
