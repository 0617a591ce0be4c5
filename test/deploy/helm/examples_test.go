package helm

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

// dashboard is the content of the dashboard's file in a render.
var dashboard = regexp.MustCompile(`(?m)^  podinfo\.json: \|-\n(    .*\n?)+`)

// examples are the files of example values by their names, as prefix for ci/prefix-values.yaml.
func examples(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no example values in ci (%v)", err)
	}
	found := map[string]string{"prod": filepath.Join(chart, "values-prod.yaml")}
	for _, file := range files {
		found[strings.TrimSuffix(filepath.Base(file), "-values.yaml")] = file
	}
	return found
}

func TestExamples(t *testing.T) {
	t.Parallel()
	for name, file := range examples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := helm(t, "", "lint", "--strict", "--quiet", "--kube-version="+kubeVersion, "--values="+file, chart)
			if err != nil {
				t.Error(err)
			}
			values, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out, err := template(t, "podinfo", string(values))
			if err != nil {
				t.Fatal(err)
			}
			manifest.Secure(t, decode(t, out))
			golden := dashboard.ReplaceAllString(out, "  podinfo.json: (files/dashboard.json)\n")
			manifest.Golden(t, filepath.Join("testdata", "golden", name+".yaml"), []byte(golden))
		})
	}
}

func TestGoldenFilesHaveExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/golden/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := examples(t)
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".yaml"); known[name] == "" {
			t.Errorf("%s is of an example that is no more", file)
		}
	}
}

// decode reads a render as strictly as the API server does, with the kinds of the operators that the chart serves.
func decode(t testing.TB, stream string) manifest.Objects {
	t.Helper()
	return manifest.Read(t, []byte(stream), gatewayv1.Install, monitoringv1.AddToScheme, certmanagerv1.AddToScheme)
}
