package plugin_test

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestKillOfTheHostEndsItsPlugins: nobody can clear up after kill -9, and still no plugin outlives its host. What that
// leaves in the file system the next one removes.
func TestKillOfTheHostEndsItsPlugins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"protocol-grpc-a", "protocol-grpc-b", "protocol-rpc-a", "protocol-rpc-b"}
	for _, name := range names {
		install(t, dir, name, "")
	}
	s := start(t, raced(t), dir)
	for _, name := range names {
		s.ready(t, name, 0)
	}
	if n := len(runningBelow(s.temp)); n != len(names) {
		t.Fatalf("%d plugins run in %d processes: the test looks at the wrong place", len(names), n)
	}
	began := time.Now()
	if err := s.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.gone(t, 10*time.Second) // because a machine that many tests share cannot be held to one
	t.Logf("the plugins were gone %s after their host was killed; it should be within a second",
		time.Since(began).Round(time.Millisecond))
	<-s.Exited()
	before, err := os.ReadDir(s.temp)
	if err != nil || len(before) == 0 {
		t.Fatalf("the killed host left %v, %v: there is nothing to remove", before, err)
	}
	next := startIn(t, s.temp, raced(t), dir)
	for _, name := range names {
		next.ready(t, name, 0)
	}
	for _, old := range before {
		if _, err := os.Stat(s.temp + "/" + old.Name()); !os.IsNotExist(err) {
			t.Errorf("the next host leaves %s there: %v", old.Name(), err)
		}
	}
}

// TestOrphansEndWithTheNextHost: what plugins started may outlive a host that was killed, if it has left their process
// groups. It does not outlive the start of the next host.
func TestOrphansEndWithTheNextHost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"protocol-grpc-fork", "protocol-rpc-fork"}
	for _, name := range names {
		put(t, program(t, "hostile"), dir, name, "")
	}
	s := start(t, raced(t), dir)
	for _, name := range names {
		s.ready(t, name, 0)
	}
	before := runningBelow(s.temp)
	if err := s.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Exited()
	next := startIn(t, s.temp, raced(t), dir)
	testkit.Eventually(t, patience, "what runs for the host before to end", func() bool {
		return !slices.ContainsFunc(runningBelow(next.temp), func(p string) bool { return slices.Contains(before, p) })
	})
	if len(before) < 2*len(names) {
		t.Errorf("the plugins that fork ran as %q only", before)
	}
}

// TestAFailedPluginAnswers503 until an operator starts it.
func TestAFailedPluginAnswers503(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"protocol-grpc-a", "protocol-rpc-b"}
	for _, name := range names {
		install(t, dir, name, "")
	}
	s := start(t, raced(t), dir)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			pid := 0
			for range 5 {
				pid = s.ready(t, name, pid).PID
				kill9(t, pid)
			}
			s.await(t, "has failed", name, func(s contract.Status) bool { return s.State == contract.Failed })
			a := s.must(t, http.StatusServiceUnavailable, http.MethodPost, "/"+name+"/encode", "hello")
			if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 {
				t.Errorf("Retry-After is %q: %s", a.header.Get("Retry-After"), a.body)
			}
			s.must(t, http.StatusOK, http.MethodPost, "/"+name+"/start", "")
			s.echo(t, name, "hello")
		})
	}
	testkit.Eventually(t, patience, "one directory of sockets a plugin", func() bool {
		return len(s.sockets()) == len(names)
	})
}
