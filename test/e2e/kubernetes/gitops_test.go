package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestGitOpsExamples has the API server check the examples for Flux and Flagger by the definitions of their kinds.
func TestGitOpsExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../deploy/fl*/*.yaml")
	if err != nil || len(files) < 9 {
		t.Fatalf("found only %v (%v)", files, err)
	}
	n := kube.NewNamespace(t)
	for _, file := range files {
		if filepath.Base(file) == "values.yaml" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			manifest := strings.ReplaceAll(string(text), "namespace: podinfo\n", "namespace: "+n.Name+"\n")
			if _, err := n.TryApply(manifest, "--dry-run=server"); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := n.TryApply(`{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "typo"},
		"spec": {"targetRef": {"kind": "Deployment", "name": "podinfo"}, "service": {"port": 9898}, "analysys": {}}}`,
		"--dry-run=server"); err == nil || !strings.Contains(err.Error(), "analysys") {
		t.Errorf("a Canary with a misspelt field must be refused by its name, got: %v", err)
	}
}
