package system

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// mount puts a file system of its own, of the given size, on a new directory.
func mount(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("SKIPPED %s: needs the right to mount a tmpfs, which fails with %v", t.Name(), err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// TestDiskFull fills a real disk through the store. What is there stays readable, and room that is made is used.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := mount(t, "512k")
	p := start(t, "--data-path="+dir)
	small := p.send(t, http.MethodPost, "/store", "small")
	if small.status != http.StatusAccepted {
		t.Fatalf("POST /store: status %d, %s", small.status, small.body)
	}
	p.wantsError(t, p.send(t, http.MethodPost, "/store", strings.Repeat("x", 1<<20)), http.StatusInsufficientStorage)

	full := false
	for i := range 200 {
		got := p.send(t, http.MethodPut, "/store", strconv.Itoa(i)+strings.Repeat("y", 8<<10))
		if full = got.status == http.StatusInsufficientStorage; full {
			break
		}
	}
	if !full {
		t.Error("200 files of 8 KiB fit on a disk of 512 KiB")
	}
	p.keeps(t, "small")
	p.keeps(t, "0"+strings.Repeat("y", 8<<10))
	for _, other := range []string{"/version", "/configs", "/metrics"} {
		if got := p.get(t, other); got.status != http.StatusOK {
			t.Errorf("GET %s: status %d, want 200", other, got.status)
		}
	}
	if err := os.Remove(dir + "/" + hashOf("1"+strings.Repeat("y", 8<<10))); err != nil {
		t.Fatal(err)
	}
	if got := p.send(t, http.MethodPost, "/store", "there is room again"); got.status != http.StatusAccepted {
		t.Errorf("POST /store: status %d, want 202, for there is room again", got.status)
	}
	p.leavesNothingBehind(t, dir)
	p.isAlive(t)
}

// TestDiskReadOnly stores on a disk that takes no writes. Root may write whatever the mode of a directory is, so for
// root it is the mount that is read-only.
func TestDiskReadOnly(t *testing.T) {
	t.Parallel()
	var dir string
	var protect func(dir string) error
	if os.Geteuid() == 0 {
		dir = mount(t, "512k")
		protect = func(dir string) error { return syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") }
	} else {
		dir = t.TempDir()
		protect = func(dir string) error { return os.Chmod(dir, 0o500) }
	}
	p := start(t, "--data-path="+dir)
	if got := p.send(t, http.MethodPost, "/store", "early"); got.status != http.StatusAccepted {
		t.Fatalf("POST /store: status %d, %s", got.status, got.body)
	}
	if err := protect(dir); err != nil {
		t.Fatal(err)
	}
	p.wantsError(t, p.send(t, http.MethodPost, "/store", "late"), http.StatusInternalServerError)
	p.wantsError(t, p.send(t, http.MethodPut, "/store", "late"), http.StatusInternalServerError)
	p.keeps(t, "early")
	if got := p.send(t, http.MethodPost, "/store", "early"); got.status != http.StatusAccepted {
		t.Errorf("POST /store of what is there: status %d, want 202", got.status)
	}
	p.isAlive(t)
}
