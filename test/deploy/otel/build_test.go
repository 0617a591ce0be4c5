package otel

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	builder = "go.opentelemetry.io/collector/cmd/builder@v0.162.0"
	// buildTimeout bounds a build that may first have to fetch what it is made of.
	buildTimeout = 9 * time.Minute
)

// collectorBinary returns the path of the collector that testdata/builder.yaml describes. It is built once per machine
// and description, into the user's cache directory. Where that is not possible, the test ends as testkit.Need says.
func collectorBinary(t *testing.T) string {
	t.Helper()
	binary, err := buildCollector(t.Context(), testkit.Install(t, builder))
	if err != nil {
		testkit.Lack(t, fmt.Sprintf("the OpenTelemetry collector, which cannot be built: %v", err))
	}
	return binary
}

func buildCollector(ctx context.Context, tool string) (string, error) {
	config, err := filepath.Abs("testdata/builder.yaml")
	if err != nil {
		return "", err
	}
	description, err := os.ReadFile(config)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "podinfo-test", fmt.Sprintf("otelcol-%x", sha256.Sum256(description))[:20])
	binary := filepath.Join(dir, "otelcol")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	// A build that is cut off leaves nothing under the name that is looked for.
	work, err := os.MkdirTemp(dir, "build")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "--config="+config)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, os.Rename(filepath.Join(work, "otelcol"), binary)
}
