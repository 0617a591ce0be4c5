package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	patience = 30 * time.Second
	cbor     = "protocol-grpc-cbor"
	script   = "#!/bin/sh\necho hello\n"
)

// TestAdd stages a program and runs the copy after the original is gone.
func TestAdd(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	s := openStage(t, base, Options{})
	source := write(t, t.TempDir(), cbor, script)
	must(t, os.Chmod(source, 0o604)) // Shared directories often know nothing of who may run what.

	f, err := s.Add(t.Context(), source, name(t, cbor))
	must(t, err)
	must(t, os.Remove(source))
	if f.Name != name(t, cbor) || f.SHA256 != sumOf(script) {
		t.Errorf("Add() = %+v, want the name %s and the sum %s", f, cbor, sumOf(script))
	}
	dir := filepath.Dir(f.Path)
	if filepath.Base(f.Path) != cbor || filepath.Base(dir) != f.SHA256 || filepath.Dir(filepath.Dir(dir)) != base {
		t.Errorf("Path = %q, want %s/<stage>/%s/%s", f.Path, base, f.SHA256, cbor)
	}
	for path, want := range map[string]fs.FileMode{
		f.Path: 0o500, dir: fs.ModeDir | 0o700, filepath.Dir(dir): fs.ModeDir | 0o700,
	} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode() != want {
			t.Errorf("the mode of %s is %s, want %s", path, info.Mode(), want)
		}
	}
	out, err := exec.CommandContext(t.Context(), f.Path).Output()
	if err != nil || string(out) != "hello\n" {
		t.Errorf("the copy prints %q, %v; want hello", out, err)
	}
}

// TestAddRefuses has everything in the shared directory that can be under a plugin's name and is none.
func TestAddRefuses(t *testing.T) {
	t.Parallel()
	outside := write(t, t.TempDir(), "program", script)
	tests := []struct {
		name string
		make func(t *testing.T, dir, file string)
		want string
	}{
		{"absent", func(*testing.T, string, string) {}, "no such file or directory"},
		{"directory", func(t *testing.T, _, file string) { must(t, os.Mkdir(file, 0o700)) }, "it is a directory"},
		{"named pipe", func(t *testing.T, _, file string) { must(t, unix.Mkfifo(file, 0o600)) }, "it is a named pipe"},
		{"socket", func(t *testing.T, _, file string) { listen(t, file) }, "it is a socket"},
		{"empty", func(t *testing.T, dir, _ string) { write(t, dir, cbor, "") }, "it is empty"},
		{
			"text", func(t *testing.T, dir, _ string) { write(t, dir, cbor, "hello") },
			`it is no program: it begins with "hell", not with #! and not as an ELF file`,
		},
		{"one byte", func(t *testing.T, dir, _ string) { write(t, dir, cbor, "#") }, `it begins with "#"`},
		{
			"too large", func(t *testing.T, dir, _ string) { write(t, dir, cbor, "#!"+strings.Repeat("x", 1<<10)) },
			"it is larger than 1024 bytes; raise --plugin-max-file-size",
		},
		{
			"absolute link", func(t *testing.T, _, file string) { must(t, os.Symlink(outside, file)) },
			fmt.Sprintf("it is a link to the absolute path %q; make it a relative link", outside),
		},
		{
			"absolute link to what is inside", func(t *testing.T, dir, file string) {
				must(t, os.Symlink(write(t, dir, "program", script), file))
			}, "make it a relative link to a file inside the directory",
		},
		{
			"link out", func(t *testing.T, dir, file string) {
				relative, err := filepath.Rel(dir, outside)
				must(t, err)
				must(t, os.Symlink(relative, file))
			}, "which is no file inside the directory: ",
		},
		{
			"link through a link out", func(t *testing.T, dir, file string) {
				must(t, os.Symlink(filepath.Dir(outside), filepath.Join(dir, "v1")))
				must(t, os.Symlink("v1/program", file))
			}, `it is a link to "v1/program", which is no file inside the directory: `,
		},
		{
			"dangling link", func(t *testing.T, _, file string) { must(t, os.Symlink("v1/program", file)) },
			`it is a link to "v1/program", which is not there`,
		},
		{
			"link to a link", func(t *testing.T, dir, file string) {
				write(t, dir, "program", script)
				must(t, os.Symlink("program", filepath.Join(dir, "latest")))
				must(t, os.Symlink("latest", file))
			}, `it is a link to "latest", which is a link as well; link to the file itself`,
		},
		{"link to itself", func(t *testing.T, _, file string) { must(t, os.Symlink(cbor, file)) }, "is a link as well"},
		{
			"circle of directories", func(t *testing.T, dir, file string) {
				must(t, os.Symlink("b", filepath.Join(dir, "a")))
				must(t, os.Symlink("a", filepath.Join(dir, "b")))
				must(t, os.Symlink("a/program", file))
			}, "which is no file inside the directory: ",
		},
		{
			"link to a directory", func(t *testing.T, dir, file string) {
				must(t, os.Mkdir(filepath.Join(dir, "v1"), 0o700))
				must(t, os.Symlink("v1", file))
			}, "it is a directory",
		},
		{
			"link to a named pipe", func(t *testing.T, dir, file string) {
				must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
				must(t, os.Symlink("pipe", file))
			}, "it is a named pipe",
		},
	}
	base := t.TempDir()
	s := openStage(t, base, Options{MaxFile: 1 << 10})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t) // The path of a socket may not be long.
			file := filepath.Join(dir, cbor)
			tt.make(t, dir, file)
			refuses(t, s, file, fmt.Sprintf("cannot stage the plugin %q: ", file), tt.want)
		})
	}
	t.Cleanup(func() { holds(t, s) })
}

func TestAddRefusesNames(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	source := write(t, t.TempDir(), cbor, script)
	for wrong, want := range map[string]string{
		"cbor":                  `"cbor" is no plugin's name; call it protocol-grpc-NAME`,
		"../" + cbor:            "is no plugin's name",
		"":                      "is no plugin's name",
		"protocol-grpc-msgpack": "is not the file of the plugin protocol-grpc-msgpack",
	} {
		_, err := s.Add(t.Context(), source, contract.Name{File: wrong})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Add() under the name %q = %v, want %q in it", wrong, err, want)
		}
	}
	holds(t, s)
}

// TestSourceDirectory refuses what is no directory in the place of the shared one, without waiting for anybody.
func TestSourceDirectory(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	refuses(t, s, filepath.Join(pipe, cbor), "not a directory")
}

// TestUnchangedSizeIsTheLimit stages a file of exactly as many bytes as are allowed.
func TestUnchangedSizeIsTheLimit(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{MaxFile: int64(len(script))})
	add(t, s, write(t, t.TempDir(), cbor, script))
}

// TestLinksInside stages through the links that people and Kubernetes make.
func TestLinksInside(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
	}{
		{"to a file", func(t *testing.T, dir string) {
			write(t, dir, "cbor-1.2", script)
			must(t, os.Symlink("cbor-1.2", filepath.Join(dir, cbor)))
		}},
		{"to a version", func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "v1.2"), 0o700))
			write(t, dir, "v1.2/"+cbor, script)
			must(t, os.Symlink("v1.2", filepath.Join(dir, "current")))
			must(t, os.Symlink("current/"+cbor, filepath.Join(dir, cbor)))
		}},
		{"up and down again", func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "v1.2"), 0o700))
			write(t, dir, "cbor", script)
			must(t, os.Symlink("v1.2/../cbor", filepath.Join(dir, cbor)))
		}},
	}
	s := openStage(t, t.TempDir(), Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tt.make(t, dir)
			if f := add(t, s, filepath.Join(dir, cbor)); f.SHA256 != sumOf(script) {
				t.Errorf("the sum is %s, want that of the file that the link leads to", f.SHA256)
			}
		})
	}
	t.Run("of a ConfigMap", func(t *testing.T) {
		t.Parallel()
		v := testkit.NewVolume(t, map[string]string{cbor: script})
		add(t, s, filepath.Join(v.Dir, cbor))
		other := script + "# 2\n"
		v.Write(t, map[string]string{cbor: other}, true)
		if f := add(t, s, filepath.Join(v.Dir, cbor)); f.SHA256 != sumOf(other) {
			t.Errorf("after the swap the sum is %s, want that of the new file", f.SHA256)
		}
	})
}

// TestSwappedLinkNeverLeadsOut changes the file into a link out of the directory and back as fast as it can. Whatever
// moment Add comes at, what it stages is never the file outside.
func TestSwappedLinkNeverLeadsOut(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	secret := write(t, t.TempDir(), cbor, "#!secret\n")
	dir := t.TempDir()
	file := write(t, dir, cbor, script)
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		next := filepath.Join(dir, "next")
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			var err error
			if n%2 == 0 {
				err = os.Symlink(secret, next)
			} else {
				err = os.WriteFile(next, []byte(script), 0o600)
			}
			if err = errors.Join(err, os.Rename(next, file)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer swapper.Wait()
	defer close(stop)
	staged, refused := 0, 0
	testkit.Eventually(t, patience, "files and links to be met", func() bool {
		for range 100 {
			f, err := s.Add(t.Context(), file, name(t, cbor))
			switch {
			case err != nil:
				refused++
			case f.SHA256 != sumOf(script):
				t.Fatalf("the sum is %s, want only what is inside to be staged", f.SHA256)
			default:
				staged++
			}
		}
		return staged >= 300 && refused >= 300
	})
}

func TestSameContentIsKeptOnce(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	dir := t.TempDir()
	grpc := write(t, dir, "protocol-grpc-cbor", script)
	rpc := write(t, dir, "protocol-rpc-cbor", script)
	a, b, c := add(t, s, grpc), add(t, s, grpc), add(t, s, rpc)
	if a != b {
		t.Errorf("added twice it is %+v and %+v, want one file", a, b)
	}
	first, err := os.Stat(a.Path)
	must(t, err)
	second, err := os.Stat(c.Path)
	must(t, err)
	if !os.SameFile(first, second) || a.Path == c.Path {
		t.Errorf("%s and %s are two files, want one under two names", a.Path, c.Path)
	}
	holds(t, s, a.Path, c.Path)
	s.Release(a)
	holds(t, s, a.Path, c.Path)
	s.Release(b)
	s.Release(b) // Once too often.
	holds(t, s, c.Path)
	d := add(t, s, grpc)
	s.Release(c)
	holds(t, s, d.Path)
	s.Release(d)
	holds(t, s)
}

// TestTwoVersions keeps the file that runs while its successor is staged.
func TestTwoVersions(t *testing.T) {
	t.Parallel()
	s := openStage(t, t.TempDir(), Options{})
	dir := t.TempDir()
	old := add(t, s, write(t, dir, cbor, script))
	next := add(t, s, write(t, dir, cbor, script+"# 2\n"))
	holds(t, s, old.Path, next.Path)
	s.Release(old)
	holds(t, s, next.Path)
}

// TestCleanedUpCopyIsMadeAgain has a cleaner of temporary directories take the copy away.
func TestCleanedUpCopyIsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, what := range []struct {
		name string
		of   func(File) string
	}{
		{"file", func(f File) string { return f.Path }},
		{"directory", func(f File) string { return filepath.Dir(f.Path) }},
	} {
		t.Run(what.name, func(t *testing.T) {
			t.Parallel()
			s := openStage(t, t.TempDir(), Options{})
			source := write(t, t.TempDir(), cbor, script)
			f := add(t, s, source)
			must(t, os.RemoveAll(what.of(f)))
			add(t, s, source)
			holds(t, s, f.Path)
		})
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	s := openStage(t, base, Options{})
	source := write(t, t.TempDir(), cbor, script)
	f := add(t, s, source)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	}
	if left := list(t, base); len(left) != 0 {
		t.Errorf("Close() leaves %q", left)
	}
	s.Release(f)
	refuses(t, s, source, "the stage of the plugins is closed")
}

// TestTemporaryDirectory opens a stage without being told where.
func TestTemporaryDirectory(t *testing.T) {
	t.Parallel()
	s := openStage(t, "", Options{})
	if got, want := filepath.Dir(s.dir.path), filepath.Clean(os.TempDir()); got != want {
		t.Errorf("the stage is in %s, want %s", got, want)
	}
	must(t, s.Close())
	if _, err := os.Lstat(s.dir.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close the stage is still there: %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "file", "no sums")
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	tests := []struct {
		name, dir string
		options   Options
		want      []string
	}{
		{"a file", file, Options{}, []string{file, "not a directory", "set --plugins-stage-path to a directory"}},
		{"below a file", file + "/stage", Options{}, []string{"not a directory", "--plugins-stage-path"}},
		{"a named pipe", pipe, Options{}, []string{"not a directory", "--plugins-stage-path"}},
		{
			"no checksums", t.TempDir(), Options{Checksums: "/absent"},
			[]string{`cannot read --plugin-checksums "/absent": `, "no such file"},
		},
		{"checksums of a pipe", t.TempDir(), Options{Checksums: pipe}, []string{"--plugin-checksums", "no regular file"}},
		{"checksums of a directory", t.TempDir(), Options{Checksums: "/"}, []string{"it is no regular file"}},
		{"wrong checksums", t.TempDir(), Options{Checksums: file}, []string{file, "line 1 is not as sha256sum writes it"}},
		{
			"huge checksums", t.TempDir(),
			Options{Checksums: write(t, t.TempDir(), "sums", strings.Repeat("#\n", maxChecksums/2+1))},
			[]string{"it is larger than 1048576 bytes"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(tt.dir, tt.options)
			if err == nil {
				must(t, s.Close())
				t.Fatal("Open() succeeds")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Open() = %q, want %q in it", err, want)
				}
			}
		})
	}
}

// TestStageIsMade opens a stage in a directory that is not there yet.
func TestStageIsMade(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "a", "b")
	openStage(t, base, Options{})
	info, err := os.Stat(base)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("its mode is %s, want it to be ours alone", info.Mode())
	}
}

// refuses fails the test unless Add fails with a text that has the parts in it.
func refuses(t *testing.T, s *Stage, source string, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f, err := s.Add(ctx, source, name(t, cbor))
	if err == nil {
		t.Fatalf("Add() = %+v, want an error with %q", f, want)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("Add() fails with %q, want %q in it", err, part)
		}
	}
}

// holds fails the test unless exactly these files are in the stage.
func holds(t *testing.T, s *Stage, want ...string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, path := range want {
		wanted[path] = true
		wanted[filepath.Dir(path)] = true
	}
	for _, path := range list(t, s.dir.path) {
		if !wanted[path] {
			t.Errorf("the stage holds %s, which nobody needs", path)
		}
		delete(wanted, path)
	}
	for path := range wanted {
		t.Errorf("the stage does not hold %s", path)
	}
}

// list returns the paths of everything below dir.
func list(t *testing.T, dir string) (paths []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

// openStage opens a stage that ends with the test.
func openStage(t testing.TB, dir string, o Options) *Stage {
	t.Helper()
	s, err := Open(dir, o)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return s
}

// add stages a file that has a plugin's name.
func add(t testing.TB, s *Stage, source string) File {
	t.Helper()
	f, err := s.Add(t.Context(), source, name(t, filepath.Base(source)))
	must(t, err)
	return f
}

func name(t testing.TB, file string) contract.Name {
	t.Helper()
	n, err := contract.ParseName(file)
	must(t, err)
	return n
}

func write(t testing.TB, dir, file, content string) string {
	t.Helper()
	path := filepath.Join(dir, file)
	must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func listen(t *testing.T, path string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
}

// shortDir is t.TempDir without the test's name in its path.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "stage") //nolint:usetesting // See above.
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
