// Package plugin_test proves what the plugins of podinfo promise, with real processes and files: that they are found,
// reloaded and recover while they serve, and that a bad one harms nobody. Where the host itself must die or be measured
// it is the real server, elsewhere it runs in the test.
package plugin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/shared/plugin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
	"github.com/podinfo-targets/podinfo/test/plugin/pets"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// patience is how long a test waits for what should come at once. Machines that run tests are busy.
const patience = time.Minute

func TestMain(m *testing.M) {
	plugin.Register(pets.Dog{}, pets.Bird{})
	os.Exit(testkit.RunLeavingNothing(m, processesLeft))
}

func processesLeft(temp string) error {
	if left := runningBelow(temp); len(left) > 0 {
		return fmt.Errorf("plugins left the processes %v", left)
	}
	return nil
}

// runningBelow returns the processes whose program is, or was, a file below dir. It finds none where there is no /proc.
func runningBelow(dir string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/exe") // The pattern is well formed.
	var found []string
	for _, link := range links {
		if program, err := os.Readlink(link); err == nil && strings.HasPrefix(program, dir+"/") {
			found = append(found, filepath.Base(filepath.Dir(link))+" "+program)
		}
	}
	return found
}

// each holds a test on both transports, with the beginning of a plugin's name that says which.
func each(t *testing.T, do func(t *testing.T, transport contract.Transport)) {
	for _, transport := range []contract.Transport{contract.GRPC, contract.RPC} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			do(t, transport)
		})
	}
}

// named returns the name of a plugin's file.
func named(transport contract.Transport, short string) string {
	return "protocol-" + string(transport) + "-" + short
}

// program builds one of the plugins below this directory. They are never built with the race detector, which needs more
// memory than plugins may have.
func program(t testing.TB, name string) string {
	return testkit.Build(t, "test/plugin/"+name, "-trimpath", "-tags=grpcnotrace", "-ldflags=-s -w")
}

// install puts the plugin echo into a directory at once, as people should. What follows a program's end does not change
// what it does, and makes a file of other content.
func install(t testing.TB, dir, name, tail string) { put(t, program(t, "echo"), dir, name, tail) }

// put is install for any program. A link would be quicker, but each further link is a change to the file, which hosts
// then look at anew.
func put(t testing.TB, file, dir, name, tail string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(dir, "."+rand.Text())
	err = os.WriteFile(temp, append(data, tail...), 0o700) //nolint:gosec // a program
	if err = errors.Join(err, os.Rename(temp, filepath.Join(dir, name))); err != nil {
		t.Fatal(err)
	}
}

// runs is a host in the test, with what it tells.
type runs struct {
	*host.Host
	dir  string
	log  *test.Hook
	seen *prometheus.Registry
}

// poll is how often the hosts of these tests look at their directories.
const poll = 50 * time.Millisecond

// open opens a host on a directory, and checks after the test that nothing of it is left.
func open(t testing.TB, dir string, change ...func(*host.Options)) *runs {
	t.Helper()
	log, hook := test.NewNullLogger()
	r := &runs{dir: dir, log: hook, seen: prometheus.NewRegistry()}
	o := host.Options{Dir: dir, StageDir: t.TempDir(), Poll: poll, Log: log, Metrics: r.seen}
	for _, c := range change {
		c(&o)
	}
	h, err := host.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = h
	t.Cleanup(func() {
		r.close(t)
		if left, err := os.ReadDir(o.StageDir); err != nil || len(left) > 0 {
			t.Errorf("%v is left in the stage, %v", left, err)
		}
	})
	return r
}

func (r *runs) close(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var pids []int
	for _, s := range r.List() {
		if s.PID != 0 {
			pids = append(pids, s.PID)
		}
	}
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d outlives its host", pid)
		}
	}
}

// serve opens a host with the plugin echo, and returns once that is ready.
func serve(t testing.TB, name string, change ...func(*host.Options)) *runs {
	t.Helper()
	dir := t.TempDir()
	install(t, dir, name, "")
	r := open(t, dir, change...)
	r.await(t, name, contract.Ready)
	return r
}

// await waits until a plugin is in a state, and returns what is told of it then.
func (r *runs) await(t testing.TB, name string, state contract.State) (s contract.Status) {
	t.Helper()
	r.until(t, fmt.Sprintf("%s is %s", name, state), name, func(now contract.Status) bool {
		s = now
		return s.State == state
	})
	return s
}

// until waits until something is true of a plugin.
func (r *runs) until(t testing.TB, what, name string, is func(contract.Status) bool) {
	t.Helper()
	testkit.Eventually(t, patience, what, func() bool {
		s, err := r.Get(name)
		return err == nil && is(s)
	})
}

// encode has the plugin do something that must succeed.
func (r *runs) encode(t testing.TB, name string, value any) any {
	t.Helper()
	answer, err := r.Encode(t.Context(), name, value)
	if err != nil {
		t.Fatalf("%s encoding %v: %v", name, value, err)
	}
	return answer
}

// count returns what a metric of a plugin has come to. Its series are those with the label, which may be "".
func (r *runs) count(t testing.TB, metric, name, result string) (sum float64) {
	t.Helper()
	families, err := r.seen.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "podinfo_plugin_"+metric {
			continue
		}
		for _, series := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range series.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["plugin"] == name && (result == "" || labels["result"] == result) {
				sum += series.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// logged returns the errors of those lines of the host's log about a plugin that begin so.
func (r *runs) logged(name, message string) (errors []string) {
	for _, e := range r.log.AllEntries() {
		if e.Data["plugin"] == name && strings.HasPrefix(e.Message, message) {
			errors = append(errors, fmt.Sprint(e.Data["error"]))
		}
	}
	return errors
}

// contain tells whether one of the lines has one of the texts.
func contain(lines []string, texts ...string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) })
	})
}

// kill9 kills a process as kill -9 does.
func kill9(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill -9 %d: %v", pid, err)
	}
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// trace is what there is of a plugin's process beside itself.
type trace struct {
	pid int
	dir string // of its sockets
}

func (r *runs) trace(t testing.TB, name string) trace {
	t.Helper()
	pid, dir := r.encode(t, name, "pid").(int64), r.encode(t, name, "sockets").(string)
	found := trace{int(pid), dir}
	if !alive(found.pid) || len(found.sockets()) == 0 || !found.connected() {
		t.Fatalf("process %d has the sockets %v: the test looks at the wrong things", pid, found.sockets())
	}
	return found
}

func (p trace) sockets() []string {
	found, _ := filepath.Glob(filepath.Join(p.dir, "plugin*")) // The pattern is well formed.
	return found
}

// connections are descriptors of our own for the connections that this process has to the plugin. They are closed again
// when the loop goes on: the ones that they copy may be closed, and their numbers be others', at any moment.
func (p trace) connections() iter.Seq[int] {
	return func(yield func(int) bool) {
		open, _ := os.ReadDir("/dev/fd")
		for _, entry := range open {
			fd, err := strconv.Atoi(entry.Name())
			if err != nil {
				continue
			}
			if fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
				continue
			}
			goes := !p.reachedBy(fd) || yield(fd)
			_ = unix.Close(fd)
			if !goes {
				return
			}
		}
	}
}

// reachedBy tells whether the descriptor is a connection to one of the sockets.
func (p trace) reachedBy(fd int) bool {
	peer, err := unix.Getpeername(fd)
	address, ok := peer.(*unix.SockaddrUnix)
	return err == nil && ok && filepath.Dir(address.Name) == p.dir
}

// connected tells whether there is such a connection.
func (p trace) connected() bool {
	for range p.connections() {
		return true
	}
	return false
}

// cut ends the connections, and leaves the process alone.
func (p trace) cut(t testing.TB) {
	t.Helper()
	n := 0
	for fd := range p.connections() {
		n++
		if err := unix.Shutdown(fd, unix.SHUT_RDWR); err != nil {
			t.Errorf("cutting a connection: %v", err)
		}
	}
	if n == 0 {
		t.Error("there was no connection to cut")
	}
}

// gone fails the test unless nothing is left of the plugin's process.
func (p trace) gone(t testing.TB, after string) {
	t.Helper()
	if p.connected() {
		t.Errorf("after %s there still is a connection", after)
	}
	if alive(p.pid) {
		t.Errorf("after %s there still is the process %d", after, p.pid)
	}
	if left := p.sockets(); len(left) > 0 {
		t.Errorf("after %s there still are the sockets %v", after, left)
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after %s there still is the directory %s: %v", after, p.dir, err)
	}
}
