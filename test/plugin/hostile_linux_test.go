package plugin_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

const (
	mostFile   = 64 << 20 // bytes of a plugin's file
	mostMemory = 192      // megabytes that the host may ever have had
	mostFiles  = 200      // descriptors that it may have at the end
)

// misplaced are entries of the directory that cannot be plugins, with what is told of each of them.
var misplaced = []struct {
	name string
	make func(path string) error
	says string
}{
	{"absolutelink", func(p string) error { return os.Symlink("/bin/true", p) }, "a link to the absolute path"},
	{"relativelink", func(p string) error { return os.Symlink("../../../../../bin/true", p) }, "inside the directory"},
	{"circle", func(p string) error { return os.Symlink(filepath.Base(p), p) }, "which is a link as well"},
	{"directory", func(p string) error { return os.Mkdir(p, 0o700) }, "it is a directory"},
	{"pipe", func(p string) error { return unix.Mknod(p, unix.S_IFIFO|0o600, 0) }, "it is a named pipe"},
	{"socket", func(p string) error { return unix.Mknod(p, unix.S_IFSOCK|0o600, 0) }, "it is a socket"},
	{"device", func(p string) error { return unix.Mknod(p, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))) }, "it is a device"},
	{"empty", func(p string) error { return os.WriteFile(p, nil, 0o700) }, "it is empty"},
	{"text", func(p string) error { return os.WriteFile(p, []byte("to do: build it"), 0o700) }, "it is no program"},
	{"script", func(p string) error { return os.WriteFile(p, []byte("#!/nowhere/sh\n"), 0o700) }, "the file is missing"},
	{"huge", sparse, "it is larger than"},
	{"stub", func(p string) error { return os.WriteFile(p, []byte("\x7fELF"), 0o700) }, "is no program for this machine"},
}

// sparse makes a file of a terabyte that takes no room.
func sparse(path string) error {
	return errors.Join(os.WriteFile(path, []byte("\x7fELF"), 0o700), os.Truncate(path, 1<<40))
}

// misbehaving are programs that never become plugins.
var misbehaving = []struct{ name, says string }{
	{"garbage", "is no handshake"},
	{"endless", "longer than the 8192 bytes of a handshake"},
	{"hang", "was not ready within"},
	{"exit", "exit status 3"},
	{"tcp", "not on a Unix socket"},
	{"wrongprotocol", "call it protocol-"},
	{"foreignsocket", "outside its own directory"},
	{"noise", ""},
}

// harmful are plugins that do harm when they are called, with the answer to that call.
var harmful = []struct {
	name string
	code int
	says string
}{
	{"slow", 200, "hello"},
	{"fork", 200, "hello"},
	{"floodstderr", 200, "hello"},
	{"floodstdout", 200, "hello"},
	{"gigabyte", 502, "502"},
	{"answer", 502, "unusable answer"},
	{"refusal", 422, "flood"},
	{"memory", 502, "died"},
	{"deaf", 504, "in time"},
}

// TestHostileDirectory puts all of that into one directory, beside plugins that must not notice.
func TestHostileDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := []string{"protocol-grpc-good", "protocol-rpc-good"}
	for _, name := range good {
		install(t, dir, name, "")
	}
	s := start(t, shipped(t), dir, "--plugin-max-memory=128", "--plugin-call-timeout=5s",
		"--plugin-max-file-size="+strconv.Itoa(mostFile))
	calls := s.keepCalling(t, good)

	wrong := fill(t, dir)
	for _, transport := range []contract.Transport{contract.GRPC, contract.RPC} {
		for _, c := range misbehaving {
			put(t, program(t, "hostile"), dir, named(transport, c.name), "")
		}
		for _, c := range harmful {
			put(t, program(t, "hostile"), dir, named(transport, c.name), "")
		}
	}
	t.Run("half a file", func(t *testing.T) { s.getsWhole(t, dir) })
	for name, says := range wrong {
		t.Run(name, func(t *testing.T) { s.refuses(t, name, says) })
	}
	for _, transport := range []contract.Transport{contract.GRPC, contract.RPC} {
		for _, c := range harmful {
			t.Run(named(transport, c.name), func(t *testing.T) { s.bears(t, named(transport, c.name), c.code, c.says) })
		}
	}
	for _, transport := range []contract.Transport{contract.GRPC, contract.RPC} {
		for _, c := range misbehaving {
			t.Run(named(transport, c.name), func(t *testing.T) { s.refuses(t, named(transport, c.name), c.says) })
		}
	}
	answered := calls()
	peak, files := memoryOf(t, s.PID()), filesOf(t, s.PID())
	t.Logf("%d calls of good plugins were answered meanwhile; the host had at most %d MB and has %d descriptors",
		answered, peak, files)
	if peak > mostMemory || files > mostFiles {
		t.Errorf("the host had %d MB and has %d descriptors", peak, files)
	}
	offspring := slices.DeleteFunc(runningBelow(s.temp), func(program string) bool {
		return !strings.HasSuffix(program, "-fork")
	})
	if len(offspring) != 2*4 { // of each transport the plugin, a child and two grandchildren
		t.Errorf("the plugins that fork run as %q", offspring)
	}
	if !strings.Contains(s.Stderr(), "the plugin's answer has 1073741824 bytes") {
		t.Error("the log does not tell of the gigabyte over net/rpc, of which clients hear no more than that the plugin died")
	}
	if n := strings.Count(s.Stderr(), "\n"); n > 20_000 {
		t.Errorf("the log has %d lines", n)
	}
	if code := s.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("the host ended with %d", code)
	}
	s.gone(t, patience)
}

// fill makes what is misplaced and what has no plugin's name, and returns what is to be told of the plugins.
func fill(t *testing.T, dir string) map[string]string {
	t.Helper()
	told := map[string]string{}
	for _, c := range misplaced {
		name := named(contract.GRPC, c.name)
		err := c.make(filepath.Join(dir, name))
		if c.name == "device" && errors.Is(err, unix.EPERM) {
			t.Log("SKIPPED: a device among the plugins, which only root can make")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		told[name] = c.says
	}
	for _, name := range []string{"protocol-grpc-x.tmp", "README", "protocol-GRPC-x", "..protocol-grpc-x", "\xff\n"} {
		install(t, dir, name, "")
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "protocol-grpc-dangling")); err != nil {
		t.Fatal(err)
	}
	return told
}

// keepCalling calls the plugins, which must answer every time, until the returned function stops that and says how
// often they did.
func (s *server) keepCalling(t *testing.T, names []string) (stop func() int64) {
	t.Helper()
	for _, name := range names {
		s.ready(t, name, 0)
	}
	var answered atomic.Int64
	var running sync.WaitGroup
	done := make(chan struct{})
	for _, name := range slices.Repeat(names, 2) {
		running.Go(func() {
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for {
				select {
				case <-done:
					return
				case <-pace.C:
				}
				if a, err := s.ask(t, http.MethodPost, "/"+name+"/decode", name); err != nil || a.body != name {
					t.Errorf("%s: %d %s, %v", name, a.code, a.body, err)
				}
				answered.Add(1)
			}
		})
	}
	stop = sync.OnceValue(func() int64 {
		close(done)
		running.Wait()
		return answered.Load()
	})
	t.Cleanup(func() { stop() })
	return stop
}

// refuses waits until the server says why it does not run a plugin, and checks that a call is told so too.
func (s *server) refuses(t *testing.T, name, says string) {
	t.Helper()
	status := s.await(t, fmt.Sprintf("is refused because %q", says), name, func(now contract.Status) bool {
		return now.Error != "" && strings.Contains(now.Error, says)
	})
	if status.PID != 0 || status.State == contract.Ready || len(status.Error) > 2<<10 {
		t.Errorf("%s is %+v", name, status)
	}
	a := s.must(t, http.StatusServiceUnavailable, http.MethodPost, "/"+name+"/encode", "hello")
	if a.header.Get("Retry-After") == "" {
		t.Errorf("a call of %s is not told when to come again: %s", name, a.body)
	}
}

// bears calls a plugin that does harm.
func (s *server) bears(t *testing.T, name string, code int, says string) {
	t.Helper()
	s.ready(t, name, 0)
	a := s.must(t, code, http.MethodPost, "/"+name+"/encode", "hello")
	if !strings.Contains(a.body, says) || len(a.body) > 4<<10 {
		t.Errorf("%s answers %d bytes: %.200q, want %q", name, len(a.body), a.body, says)
	}
}

// getsWhole copies a file in two halves, as a slow volume does, and waits for the plugin that it becomes.
func (s *server) getsWhole(t *testing.T, dir string) {
	const name = "protocol-grpc-half"
	data, err := os.ReadFile(program(t, "echo"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, part := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
		if status, found := s.status(t, name); found && status.State == contract.Ready {
			t.Error("half a file serves")
		}
		if _, err := f.Write(part); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			s.await(t, "is refused", name, func(now contract.Status) bool { return now.Error != "" })
		}
	}
	s.ready(t, name, 0)
	s.echo(t, name, "whole")
}

// memoryOf returns the most memory that a process had resident so far, in megabytes.
func memoryOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kilobytes int
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_, err = fmt.Sscan(rest, &kilobytes)
		}
	}
	if err != nil || kilobytes == 0 {
		t.Fatalf("process %d does not tell its memory: %v", pid, err)
	}
	return kilobytes >> 10
}

// filesOf returns how many descriptors a process has open.
func filesOf(t *testing.T, pid int) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
