// Package helm checks the chart in deploy/helm/podinfo without a cluster, by the helm program that people run: what it
// renders for every value, which values it refuses and in which words, and whether its documents are current.
package helm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	chart = "../../../deploy/helm/podinfo"

	// kubeVersion is what the chart is rendered for: a helm that go install has built takes a cluster for far too old.
	kubeVersion = "1.34.0"

	helmTimeout = 2 * time.Minute
)

// random is what the chart makes anew in every render, a key of 64 letters and digits in base64.
var random = regexp.MustCompile(`(?m)^(  [-._a-zA-Z0-9]+: )[A-Za-z0-9+/]{86}==$`)

// helm runs helm with values as its standard input and returns what it prints, or an error that holds its complaint.
func helm(t testing.TB, values string, args ...string) (string, error) {
	t.Helper()
	return run(testkit.Helm(t), values, args...)
}

func run(program, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), helmTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	// A render is over before it would have collected anything worth a quarter of its time.
	cmd.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull, "GOGC=off")
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, &stderr)
	}
	return stdout.String(), nil
}

// template renders the chart as the release of that name. What is random is replaced.
func template(t testing.TB, release, values string, args ...string) (string, error) {
	t.Helper()
	args = append([]string{"template", release, chart, "--kube-version=" + kubeVersion, "--values=-"}, args...)
	out, err := helm(t, values, args...)
	return random.ReplaceAllString(out, "${1}cmFuZG9t"), err
}

// render renders the chart as the release podinfo, once for each set of values.
func render(t testing.TB, values map[string]any) (string, error) {
	t.Helper()
	text := marshal(t, values)
	once, _ := renders.LoadOrStore(text, sync.OnceValues(func() (string, error) {
		return template(t, "podinfo", text)
	}))
	return once.(func() (string, error))()
}

// renders remembers the renders by their values, as many cases start from the same ones.
var renders sync.Map

// mustRender is render for values that the chart must take.
func mustRender(t testing.TB, values map[string]any) objects {
	t.Helper()
	out, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, out)
}

func marshal(t testing.TB, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// read reads a file of YAML, refusing keys that T does not know.
func read[T any](t testing.TB, file string) T {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var value T
	if err := yaml.UnmarshalStrict(content, &value); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return value
}
