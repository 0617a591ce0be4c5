package plugin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const token = "s3cr3t"

// server is a podinfo with plugins, and a client for it.
type server struct {
	*testkit.Process
	client *http.Client
	temp   string // its temporary directory, where it has its sockets and the files that plugins run from
}

// shipped is how podinfo is built to be measured: without the race detector, which takes and keeps what it wants.
func shipped(t testing.TB) string {
	return testkit.Build(t, "targets/k8s", "-trimpath", "-tags=grpcnotrace")
}

// raced is podinfo as tests usually have it.
func raced(t testing.TB) string { return testkit.Build(t, "targets/k8s") }

// start starts podinfo on a directory of plugins. When the test ends nothing of it may be left.
func start(t testing.TB, binary, dir string, settings ...string) *server {
	t.Helper()
	temp, err := os.MkdirTemp("", "") //nolint:usetesting // The path of a socket may not be long.
	if err != nil {
		t.Fatal(err)
	}
	return startIn(t, temp, binary, dir, settings...)
}

// startIn is start for a temporary directory that another server may have had before.
func startIn(t testing.TB, temp, binary, dir string, settings ...string) *server {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: callers}
	s := &server{temp: temp, client: &http.Client{Transport: transport, Timeout: patience}}
	t.Cleanup(func() { // It comes last, after the end of the process.
		transport.CloseIdleConnections()
		if left, _ := os.ReadDir(temp); len(left) > 0 {
			t.Errorf("podinfo left %v in its temporary directory", left)
		}
		_ = os.RemoveAll(temp)
	})
	s.Process = testkit.StartServer(t, binary, append(settings, "TMPDIR="+temp, "GORACE=atexit_sleep_ms=0",
		"--plugins-path="+dir, "--plugins-poll-interval="+poll.String(), "PODINFO_PLUGIN_ADMIN_TOKEN="+token)...)
	return s
}

// answer is what the server says to a request.
type answer struct {
	code   int
	header http.Header
	body   string
}

// ask sends a request as an operator.
func (s *server) ask(t testing.TB, method, path, body string) (answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/plugins"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(content)}, err
}

// must is ask for a request that gets an answer of this code.
func (s *server) must(t testing.TB, code int, method, path, body string) answer {
	t.Helper()
	a, err := s.ask(t, method, path, body)
	if err != nil || a.code != code {
		t.Fatalf("%s /plugins%s: %d %s, %v; want %d", method, path, a.code, a.body, err, code)
	}
	return a
}

// status returns what is told of a plugin, and whether there is one.
func (s *server) status(t testing.TB, name string) (status contract.Status, found bool) {
	t.Helper()
	a, err := s.ask(t, http.MethodGet, "/"+name, "")
	if err != nil {
		t.Fatal(err)
	}
	if a.code == http.StatusNotFound {
		return status, false
	}
	if err := json.Unmarshal([]byte(a.body), &status); err != nil || a.code != http.StatusOK {
		t.Fatalf("GET /plugins/%s: %d %s, %v", name, a.code, a.body, err)
	}
	return status, true
}

// await waits until something is true of a plugin, and returns what is told of it then.
func (s *server) await(t testing.TB, what, name string, is func(contract.Status) bool) (status contract.Status) {
	t.Helper()
	testkit.Eventually(t, patience, name+" "+what, func() bool {
		var found bool
		status, found = s.status(t, name)
		return found && is(status)
	})
	return status
}

// ready waits until a plugin serves from another process than that of the number.
func (s *server) ready(t testing.TB, name string, old int) contract.Status {
	t.Helper()
	return s.await(t, "serves", name, func(now contract.Status) bool {
		return now.State == contract.Ready && now.PID != old
	})
}

// echo has a plugin answer, and fails the test when that does not.
func (s *server) echo(t testing.TB, name, text string) {
	t.Helper()
	if a := s.must(t, http.StatusOK, http.MethodPost, "/"+name+"/decode", text); a.body != text {
		t.Errorf("%s answers %q to %q", name, a.body, text)
	}
}

// gone waits until no process runs that was started from the server's temporary directory, for at most that long.
func (s *server) gone(t testing.TB, within time.Duration) {
	t.Helper()
	testkit.Eventually(t, within, fmt.Sprintf("plugins of podinfo %d to end", s.PID()), func() bool {
		return len(runningBelow(s.temp)) == 0
	})
}

// sockets returns the directories that processes of plugins have for their sockets now.
func (s *server) sockets() []string {
	found, _ := filepath.Glob(filepath.Join(s.temp, "podinfo-plugins-*", "plugin-dir*")) // The pattern is well formed.
	return found
}
