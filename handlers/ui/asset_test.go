package ui_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers/ui"
)

func TestEmbeddedAssets(t *testing.T) {
	t.Parallel()
	u := ui.Open("")
	for name, want := range map[string]string{
		"app.js":    "text/javascript; charset=utf-8",
		"style.css": "text/css; charset=utf-8",
		"logo.svg":  "image/svg+xml",
	} {
		data, contentType, tag, ok := u.Asset(name)
		if !ok || len(data) == 0 || contentType != want || tag == "" {
			t.Errorf("%s is served: %t, %d bytes of type %q, tag %q; want type %q", name, ok, len(data), contentType, tag, want)
		}
	}
	for _, name := range []string{"", ".", "index.html", "vue.html", "nothing.js", "../ui.go", "/app.js", "app.js/"} {
		if _, _, _, ok := u.Asset(name); ok {
			t.Errorf("%q is served", name)
		}
	}
}

// A directory's files hide the embedded ones, follow edits, and are all that can be reached.
func TestDirectoryAssets(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(outside, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mountLikeKubelet(t, dir, map[string]string{"vue.html": "{{.Title}}", "style.css": "body{}", "logo.png": "png"})
	write(t, dir, ".hidden", "hidden")
	if err := os.Mkdir(filepath.Join(dir, "img"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "img/cat.webp", "cat")
	write(t, dir, "large.js", string(make([]byte, 8<<20+1)))
	link(t, outside, filepath.Join(dir, "link.txt"))
	link(t, "../"+filepath.Base(filepath.Dir(outside))+"/secret.txt", filepath.Join(dir, "climb.txt"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.js"), 0o644); err != nil {
		t.Fatal(err)
	}

	u := ui.Open(dir)
	for _, tt := range []struct{ name, content, contentType string }{
		{"style.css", "body{}", "text/css; charset=utf-8"},
		{"logo.png", "png", "image/png"},
		{"img/cat.webp", "cat", "image/webp"},
	} {
		data, contentType, _, ok := u.Asset(tt.name)
		if !ok || string(data) != tt.content || contentType != tt.contentType {
			t.Errorf("%s is served: %t, %q of type %q; want %q of type %q", tt.name, ok, data, contentType, tt.content,
				tt.contentType)
		}
	}
	if _, _, _, ok := u.Asset("app.js"); !ok {
		t.Error("app.js, which the directory lacks, is not served from the embedded files")
	}
	for _, name := range []string{
		"vue.html", "..data/vue.html", "..data/style.css", ".hidden", "link.txt", "climb.txt", "pipe.js", "large.js", "img",
		"../" + filepath.Base(filepath.Dir(outside)) + "/secret.txt", outside, "img/../vue.html", "style.css\x00",
	} {
		if data, _, _, ok := u.Asset(name); ok {
			t.Errorf("%q is served: %.20q", name, data)
		}
	}
}

func TestTagFollowsTheContent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	u := ui.Open(dir)
	write(t, dir, "app.js", "one")
	_, _, one, _ := u.Asset("app.js")
	write(t, dir, "app.js", "two")
	_, _, two, _ := u.Asset("app.js")
	if one == two {
		t.Errorf("the tag stayed %s after an edit", one)
	}
}

// mountLikeKubelet lays files out as a mounted ConfigMap has them: links through ..data to a directory of the version.
func mountLikeKubelet(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	const version = "..2026_01_02_03_04_05.123456789"
	if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, version, filepath.Join(dir, "..data"))
	for name, content := range files {
		write(t, filepath.Join(dir, version), name, content)
		link(t, filepath.Join("..data", name), filepath.Join(dir, name))
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}
