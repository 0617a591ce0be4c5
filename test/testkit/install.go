package testkit

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// installTimeout bounds a build that may first have to fetch what it is made of.
const installTimeout = 15 * time.Minute

// installed remembers the programs of other modules, as built does those of this one.
var installed sync.Map

// Install returns the path of a program of another module, such as "knative.dev/serving/cmd/queue@v0.50.0", which go
// install builds once per machine into the user's cache directory. Where that is not possible, the test ends as Need
// says.
func Install(t testing.TB, program string) string {
	t.Helper()
	once, _ := installed.LoadOrStore(program, sync.OnceValues(func() (string, error) { return install(program) }))
	path, err := once.(func() (string, error))()
	if err != nil {
		Lack(t, fmt.Sprintf("%s, which cannot be built: %v", program, err))
	}
	return path
}

// Helm returns the path of helm (https://helm.sh): the one of this machine, else one that is built as Install does.
func Helm(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("helm"); err == nil {
		return path
	}
	return Install(t, "helm.sh/helm/v3/cmd/helm@v3.22.0")
}

func install(program string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "podinfo-test", strings.ReplaceAll(program, "/", "_"))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	pkg, _, _ := strings.Cut(program, "@")
	binary := filepath.Join(dir, filepath.Base(pkg))
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}

	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "install", program)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
}
