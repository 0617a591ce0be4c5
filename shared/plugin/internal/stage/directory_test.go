package stage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// ownerOf is the environment variable that makes the test binary open a stage in a directory, tell its path and live on
// until it is killed.
const ownerOf = "STAGE_TEST_OWNER_OF"

func TestMain(m *testing.M) {
	if base := os.Getenv(ownerOf); base != "" {
		if err := own(base); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// own opens a stage, says where, and waits until its input ends, which it does not before this process is killed.
func own(base string) error {
	s, err := Open(base, Options{})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(os.Stdout, s.dir.path); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, s.Close())
}

// TestKilledOwner kills a process that has a stage. The next one that opens a stage beside it deletes what it left, and
// nothing of those that live.
func TestKilledOwner(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	killed, kill := startOwner(t, base)
	living, _ := startOwner(t, base)
	ours := openStage(t, base, Options{})
	write(t, killed, "copy-half", "half")
	must(t, os.Mkdir(filepath.Join(killed, sumOf(script)), 0o700))
	foreign := write(t, base, "important", "not ours")

	kill()
	next := openStage(t, base, Options{})
	for path, want := range map[string]bool{
		killed: false, killed + lockSuffix: false,
		living: true, living + lockSuffix: true,
		ours.dir.path: true, ours.dir.path + lockSuffix: true,
		next.dir.path: true, next.dir.path + lockSuffix: true,
		foreign: true,
	} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s is there: %v; want %t", path, err, want)
		}
	}
}

// startOwner starts a process that has a stage in base. It returns the path of that, and what kills the process.
func startOwner(t *testing.T, base string) (path string, kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), ownerOf+"="+base)
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // It may have ended already.
		_ = cmd.Wait()         // That it was killed is what is wanted.
	})
	t.Cleanup(kill)
	path, err = bufio.NewReader(out).ReadString('\n')
	must(t, err)
	return strings.TrimSpace(path), kill
}

// TestLeftLock deletes a lock without a directory, as of a process that was killed in between.
func TestLeftLock(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	left := write(t, base, prefix+"X"+lockSuffix, "")
	openStage(t, base, Options{})
	if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestForeignLocks has others put things under the names of locks, as anybody can in a temporary directory.
func TestForeignLocks(t *testing.T) {
	t.Parallel()
	base, outside := t.TempDir(), t.TempDir()
	important := write(t, outside, "important", "not ours")
	in := func(name string) string { return filepath.Join(base, name) }
	must(t, unix.Mkfifo(in(prefix+"pipe"+lockSuffix), 0o600))
	must(t, os.Mkdir(in(prefix+"directory"+lockSuffix), 0o700))
	must(t, os.Symlink(important, in(prefix+"link"+lockSuffix)))
	must(t, os.Symlink(outside, in(prefix+"link")))
	write(t, base, prefix+"led-out"+lockSuffix, "")
	must(t, os.Symlink(outside, in(prefix+"led-out")))
	openStage(t, base, Options{})
	if content, err := os.ReadFile(important); err != nil || string(content) != "not ours" {
		t.Errorf("a file elsewhere now reads %q, %v", content, err)
	}
}

// TestManyOwnersAtOnce opens many stages in one directory at the same time: none takes another's for one that a killed
// process left.
func TestManyOwnersAtOnce(t *testing.T) {
	t.Parallel()
	const owners, rounds = 16, 10
	base := t.TempDir()
	source := write(t, t.TempDir(), cbor, script)
	var running sync.WaitGroup
	for range owners {
		running.Go(func() {
			for range rounds {
				s, err := Open(base, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				f, err := s.Add(t.Context(), source, name(t, cbor))
				if err == nil {
					_, err = os.Stat(f.Path)
				}
				if err = errors.Join(err, s.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if left := list(t, base); len(left) != 0 {
		t.Errorf("they leave %q", left)
	}
}

// TestStolenLock has another process take the lock of a new stage for one that a killed process left, in each moment
// before it is locked.
func TestStolenLock(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	root, err := os.OpenRoot(base)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	f, err := os.OpenFile(write(t, base, "lock", ""), os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	other, err := os.OpenFile(f.Name(), os.O_RDWR, 0)
	must(t, err)
	must(t, tryLock(other))
	if err := tryLock(f); !errors.Is(err, errLocked) {
		t.Errorf("tryLock() = %v of what another has locked, want %v", err, errLocked)
	}
	if !isAt(root, f, "lock") {
		t.Error("isAt() is false for the file that is there")
	}
	must(t, os.Remove(f.Name()))
	must(t, other.Close())
	must(t, tryLock(f))
	if isAt(root, f, "lock") {
		t.Error("isAt() is true for a file that was deleted")
	}
	write(t, base, "lock", "")
	if isAt(root, f, "lock") {
		t.Error("isAt() is true for a file that was replaced")
	}
}
