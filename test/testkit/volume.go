package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Volume is a directory that is written to as kubelet writes the ConfigMaps and Secrets that it mounts. See
// AtomicWriter in https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go.
type Volume struct {
	Dir string

	keys map[string]string
	swap int
}

// NewVolume returns a volume with these keys, in a directory that ends with the test.
func NewVolume(t testing.TB, keys map[string]string) *Volume {
	t.Helper()
	v := &Volume{Dir: t.TempDir()}
	v.Write(t, keys, true)
	return v
}

// Write replaces the contents by keys in one swap. The links of new keys are made before or after it, since kubelets of
// different age differ there; those of removed keys go after it, and the old contents go last.
func (v *Volume) Write(t testing.TB, keys map[string]string, linksFirst bool) {
	t.Helper()
	v.swap++
	stamp := fmt.Sprintf("..2026_01_02_15_04_05.%09d", v.swap)
	must(t, os.Mkdir(v.path(stamp), 0o700))
	for key, value := range keys {
		must(t, os.WriteFile(v.path(stamp, key), []byte(value), 0o600))
	}
	must(t, os.Symlink(stamp, v.path("..data_tmp")))
	old, _ := os.Readlink(v.path("..data")) // There is none before the first swap.

	if linksFirst {
		v.link(t, keys)
	}
	must(t, os.Rename(v.path("..data_tmp"), v.path("..data")))
	if !linksFirst {
		v.link(t, keys)
	}
	for key := range v.keys {
		if _, ok := keys[key]; !ok {
			must(t, os.Remove(v.path(key)))
		}
	}
	if old != "" {
		must(t, os.RemoveAll(v.path(old)))
	}
	v.keys = keys
}

// link makes the links of the keys that have none.
func (v *Volume) link(t testing.TB, keys map[string]string) {
	t.Helper()
	for key := range keys {
		if _, ok := v.keys[key]; !ok {
			must(t, os.Symlink(filepath.Join("..data", key), v.path(key)))
		}
	}
}

func (v *Volume) path(elements ...string) string {
	return filepath.Join(v.Dir, filepath.Join(elements...))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
