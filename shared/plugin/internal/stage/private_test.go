package stage_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/internal/stage"
)

func TestPrivateDirectoryIsOursAloneAndGoes(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	p, err := stage.MakePrivate()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(p.Path())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.ModeDir|0o700 || filepath.Dir(p.Path()) != dir {
		t.Errorf("%s has mode %s; it should be one of our own in %s", p.Path(), info.Mode(), dir)
	}
	if err := os.WriteFile(filepath.Join(p.Path(), "socket"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left of it, %v", left, err)
	}
}

func TestPrivateDirectoryNeedsATemporaryOne(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	if _, err := stage.MakePrivate(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}
