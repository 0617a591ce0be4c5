package plugin_test

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// soon is by when each host is to follow the directory: two looks at it and a second. A machine that many tests share
// cannot be held to that, and gets ten times as long.
const soon, atLast = 2*poll + time.Second, 10 * soon

// TestTwoHostsFollowOneDirectory: what happens to a file happens to the plugin in both of two servers, and what happens
// to one server is no matter of the other.
func TestTwoHostsFollowOneDirectory(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		dir, name := t.TempDir(), named(transport, "echo")
		hosts := []*server{start(t, raced(t), dir), start(t, raced(t), dir)}
		sums := map[string]bool{}
		follow := func(what string, is func(s contract.Status, found bool) bool) {
			t.Helper()
			began := time.Now()
			for _, s := range hosts {
				testkit.Eventually(t, atLast, "both hosts to see "+what, func() bool { return is(s.status(t, name)) })
			}
			took := time.Since(began)
			t.Logf("%s is seen by both after %s; it should be within %s", what, took.Round(time.Millisecond), soon)
		}
		serves := func(s contract.Status, found bool) bool {
			return found && s.State == contract.Ready && !sums[s.SHA256]
		}
		echo := func(text string) {
			t.Helper()
			for _, s := range hosts {
				s.echo(t, name, text)
				status, _ := s.status(t, name)
				sums[status.SHA256] = true
			}
		}

		install(t, dir, name, "")
		follow("a new file", serves)
		echo("new")
		install(t, dir, name, "changed")
		follow("a changed file", serves)
		echo("changed")
		if len(sums) != 2 {
			t.Errorf("of two files there were %d", len(sums))
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		absent := func(_ contract.Status, found bool) bool { return !found }
		follow("a removed file", absent)
		install(t, dir, name, "again")
		follow("a file that is back", serves)
		hosts[0].must(t, http.StatusNoContent, http.MethodDelete, "/"+name, "")
		follow("a file that one of them deleted", absent)

		install(t, dir, name, "last")
		follow("the last file", serves)
		killed, other := hosts[0], hosts[1]
		before, _ := other.status(t, name)
		if err := killed.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		killed.gone(t, atLast)
		other.echo(t, name, "still there")
		if after, _ := other.status(t, name); after.PID != before.PID || after.Restarts != 0 {
			t.Errorf("the end of one host makes the other's plugin %+v of %+v", after, before)
		}
		if err := os.RemoveAll(killed.temp); err != nil { // as its node does
			t.Fatal(err)
		}
	})
}
