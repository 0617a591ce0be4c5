package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// mount puts a file system of its own on a new directory.
func mount(t *testing.T, flags uintptr, options string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Skipf("SKIPPED %s: needs the right to mount a tmpfs, which fails with %v", t.Name(), err)
	}
	// Detached, since a program that another test starts has what we have open until it is that program.
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func TestNoexec(t *testing.T) {
	t.Parallel()
	dir := mount(t, unix.MS_NOEXEC, "size=64k")
	s, err := Open(dir, Options{})
	if err == nil {
		must(t, s.Close())
		t.Fatal("Open() succeeds on a file system from which nothing can be run")
	}
	for _, want := range []string{fmt.Sprintf("%q", dir), "mounted noexec", "set --plugins-stage-path to"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Open() fails with %q, want %q in it", err, want)
		}
	}
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("it leaves %q", left)
	}
}

// TestNoexecSource stages from a file system from which nothing can be run, which is what most shared volumes are.
func TestNoexecSource(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	add(t, s, write(t, mount(t, unix.MS_NOEXEC, "size=64k"), cbor, script))
}

func TestReadOnlyStage(t *testing.T) {
	t.Parallel()
	_, err := Open(mount(t, unix.MS_RDONLY, ""), Options{})
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "set --plugins-stage-path to") {
		t.Errorf("Open() = %v, want that the file system is read-only and what to set", err)
	}
}

func TestNoSpace(t *testing.T) {
	t.Parallel()
	dir := mount(t, 0, "size=256k")
	s := openStage(t, dir, Options{})
	source := write(t, t.TempDir(), cbor, "#!"+strings.Repeat("x", 1<<20))
	refuses(t, s, source, "no space left on device", fmt.Sprintf("make room in %q", s.dir.path), "--plugins-stage-path")
	holds(t, s)
	add(t, s, write(t, t.TempDir(), cbor, script)) // There is room again.
}

func TestDevice(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	file := filepath.Join(t.TempDir(), cbor)
	if err := unix.Mknod(file, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))); err != nil { // /dev/zero
		t.Skipf("SKIPPED %s: needs the right to make a device, which fails with %v", t.Name(), err)
	}
	refuses(t, s, file, "it is a device")
}

// TestUnreadable opens a file as somebody who may not read it.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	must(t, os.Chmod(dir, 0o755))
	file := write(t, dir, cbor, script)
	must(t, os.Chmod(file, 0))
	got := make(chan error)
	go func() {
		// Root may read everything. So this is done in a thread that is nobody for the file system, and that ends with
		// this goroutine since it stays locked to it.
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			_ = unix.Setfsuid(65534) // It reports nothing; the result below tells.
		}
		f, err := openSource(file)
		if err == nil {
			err = f.Close()
		}
		got <- err
	}()
	err := <-got
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "make the file readable for user") {
		t.Errorf("openSource() = %v, want that it may not be read and what to do", err)
	}
}

// TestAwaitWriters waits for somebody who has the copy open for writing, and not for ever.
func TestAwaitWriters(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	writer, err := os.Create(filepath.Join(s.dir.path, "copy"))
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := awaitWriters(ctx, s.dir.root, "copy"); !errors.Is(err, context.Canceled) {
		t.Errorf("awaitWriters() = %v while it is open for writing, want that the context was canceled", err)
	}
	ended := make(chan error)
	go func() { ended <- awaitWriters(t.Context(), s.dir.root, "copy") }()
	must(t, writer.Close())
	if err := <-ended; err != nil {
		t.Errorf("awaitWriters() = %v once nobody has it open for writing, want nil", err)
	}
}
