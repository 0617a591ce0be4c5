package system

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantsError fails the test unless an answer is the error object with this status, which tells nothing of the disk.
func (p *podinfo) wantsError(t *testing.T, got reply, status int) {
	t.Helper()
	var object struct {
		Code    int
		Message string
	}
	err := json.Unmarshal([]byte(got.body), &object)
	if err != nil || got.status != status || object.Code != status || object.Message == "" {
		t.Errorf("status %d, body %s; want the error object with %d", got.status, got.body, status)
	}
	if strings.Contains(got.body, "/") || strings.Contains(got.body, "system") {
		t.Errorf("the error tells of the disk: %s", got.body)
	}
}

// keeps fails the test unless the store has the content.
func (p *podinfo) keeps(t *testing.T, content string) {
	t.Helper()
	if got := p.get(t, "/store/"+hashOf(content)); got.status != http.StatusAccepted || got.body != content {
		t.Errorf("GET /store: status %d and %d bytes, want 202 and the %d that were stored",
			got.status, len(got.body), len(content))
	}
}

// leavesNothingBehind fails the test if the directory of the store has files in it that are not whole.
func (p *podinfo) leavesNothingBehind(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil || hashOf(string(content)) != file.Name() {
			t.Errorf("%s has %d bytes that are not what its name says; %v", file.Name(), len(content), err)
		}
	}
}

// TestStoreBound fills the store up to its own bound.
func TestStoreBound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "--store-max-size=65536", "--data-path="+dir)
	if got := p.send(t, http.MethodPost, "/store", strings.Repeat("a", 40<<10)); got.status != http.StatusAccepted {
		t.Fatalf("POST /store: status %d, %s", got.status, got.body)
	}
	p.wantsError(t, p.send(t, http.MethodPost, "/store", strings.Repeat("b", 40<<10)), http.StatusInsufficientStorage)
	if got := p.send(t, http.MethodPost, "/store", strings.Repeat("c", 20<<10)); got.status != http.StatusAccepted {
		t.Errorf("POST /store of what fits: status %d, want 202", got.status)
	}
	p.keeps(t, strings.Repeat("a", 40<<10))
	p.leavesNothingBehind(t, dir)
}

// TestStoreWithoutDirectory starts before its directory is there, works when it is, and again when it is replaced.
func TestStoreWithoutDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	p := start(t, "--data-path="+dir)
	p.wantsError(t, p.send(t, http.MethodPost, "/store", "content"), http.StatusInternalServerError)
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.wantsError(t, p.send(t, http.MethodPost, "/store", "content"), http.StatusInternalServerError)
	for range 2 {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if got := p.send(t, http.MethodPost, "/store", "content"); got.status != http.StatusAccepted {
			t.Errorf("POST /store: status %d, %s; want 202", got.status, got.body)
		}
		p.keeps(t, "content")
	}
	p.isAlive(t)
}
