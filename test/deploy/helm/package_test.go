package helm

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	file := read[map[string]any](t, filepath.Join(chart, "Chart.yaml"))
	values := read[map[string]any](t, filepath.Join(chart, "values.yaml"))
	for what, got := range map[string]any{
		"the chart's version":    file["version"],
		"the chart's appVersion": file["appVersion"],
		"values.yaml image.tag":  at(values, "image", "tag"),
	} {
		if got != version.Version {
			t.Errorf("%s is %v, want that of podinfo, %s", what, got, version.Version)
		}
	}
	image := "ghcr.io/podinfo-targets/podinfo:" + version.Version
	if images, _ := at(file, "annotations", "artifacthub.io/images").(string); !strings.Contains(images, image) {
		t.Errorf("the images that the chart announces are %q, want %s among them", images, image)
	}
}

// The package has what helm install needs and the README, and nothing that is only of use in the repository.
func TestPackage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := helm(t, "", "package", chart, "--destination", dir); err != nil {
		t.Fatal(err)
	}
	got := archived(t, filepath.Join(dir, "podinfo-"+version.Version+".tgz"))
	got = slices.DeleteFunc(got, func(file string) bool { return strings.HasPrefix(file, "podinfo/templates/") })
	want := []string{
		"podinfo/.helmignore", "podinfo/Chart.yaml", "podinfo/README.md",
		"podinfo/files/alerts.yaml", "podinfo/files/dashboard.json",
		"podinfo/values-prod.yaml", "podinfo/values.schema.json", "podinfo/values.yaml",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the package holds, besides templates,\n%v\nwant\n%v", got, want)
	}
}

// archived are the names of the files in a .tgz, sorted.
func archived(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

//go:generate go run github.com/norwoodj/helm-docs/cmd/helm-docs@v1.14.2 -s=file -c=../../../deploy/helm/podinfo

func TestREADMEIsCurrent(t *testing.T) {
	t.Parallel()
	program := testkit.Install(t, "github.com/norwoodj/helm-docs/cmd/helm-docs@v1.14.2")
	got, err := run(program, "", "--chart-search-root="+chart, "--sort-values-order=file", "--dry-run")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(chart, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got) != strings.TrimSpace(string(want)) {
		t.Error("deploy/helm/podinfo/README.md is not that of values.yaml any more; run go generate ./helm in test/deploy")
	}
}

// A value is described in the table of the README itself or as a part of the map that it is in.
func TestEveryValueIsDescribed(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(chart, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	described := make(map[string]bool)
	for line := range strings.Lines(string(readme)) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") && len(cells) == 4 {
			described[strings.TrimPrefix(cells[0], "| ")] = strings.TrimRight(cells[3], " |\n") != ""
		}
	}
	for path := range leaves("", read[map[string]any](t, filepath.Join(chart, "values.yaml"))) {
		known := described[path]
		for parent := range parents(path) {
			known = known || described[parent]
		}
		if !known {
			t.Errorf("values.yaml says nothing of %s", path)
		}
	}
}
