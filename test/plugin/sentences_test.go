package plugin_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
	"github.com/podinfo-targets/podinfo/test/plugin/pets"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestSentence1_NamesSayTheTransport: what is called protocol-grpc-NAME or protocol-rpc-NAME is a plugin over that
// transport, and nothing else in the directory is one.
func TestSentence1_NamesSayTheTransport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	long := "protocol-rpc-" + strings.Repeat("x", 63)
	for _, name := range []string{
		"protocol-http-a", "protocol-grpc-", "protocol-rpc", "protocol-grpc-A", "Protocol-grpc-a", "protocol-grpc-_a",
		"plugin-grpc-a", "a", "protocol-grpc-a.bak", "protocol-rpc-ä", ".protocol-grpc-a", long + "x",
	} {
		install(t, dir, name, "")
	}
	want := []string{"protocol-grpc-a", "protocol-grpc-a_b-3", "protocol-rpc-a", long}
	for _, name := range want {
		install(t, dir, name, "")
	}
	r := open(t, dir)
	var found []string
	for _, name := range want {
		r.await(t, name, contract.Ready)
	}
	for _, s := range r.List() {
		found = append(found, s.Name)
		if prefix := "protocol-" + string(s.Transport) + "-"; !strings.HasPrefix(s.Name, prefix) {
			t.Errorf("%s is over %s", s.Name, s.Transport)
		}
	}
	if !slices.Equal(found, want) {
		t.Errorf("the plugins are %q, want %q", found, want)
	}
}

// TestSentence2_KillEndsConnectionProcessAndSocket: before a plugin is reloaded or its file deleted, Kill closes the
// connection and ends the process. When it returns nothing is left, so that the file can be deleted.
func TestSentence2_KillEndsConnectionProcessAndSocket(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		name := named(transport, "echo")
		for _, c := range []struct {
			after string
			do    func(t *testing.T, r *runs)
		}{
			{"Kill", func(t *testing.T, r *runs) {
				if s, err := r.Kill(t.Context(), name); err != nil || s.State != contract.Stopped {
					t.Fatalf("Kill: %+v, %v", s, err)
				}
			}},
			{"Delete", func(t *testing.T, r *runs) {
				if err := r.Delete(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(filepath.Join(r.dir, name)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the file is still there: %v", err)
				}
			}},
			{"Close", func(t *testing.T, r *runs) { r.close(t) }},
		} {
			t.Run(c.after, func(t *testing.T) {
				t.Parallel()
				r := serve(t, name)
				old := r.trace(t, name)
				c.do(t, r)
				old.gone(t, c.after)
			})
		}
		t.Run("file", func(t *testing.T) {
			t.Parallel()
			killedAndDeleted(t, serve(t, name), name)
		})
	})
}

// killedAndDeleted deletes the file of a plugin that was killed, and puts another one in its place.
func killedAndDeleted(t *testing.T, r *runs, name string) {
	t.Helper()
	old := r.trace(t, name)
	if _, err := r.Kill(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(r.dir, name)); err != nil {
		t.Fatalf("the file of a killed plugin cannot be deleted: %v", err)
	}
	install(t, r.dir, name, "another")
	if s := r.await(t, name, contract.Ready); s.PID == old.pid {
		t.Errorf("the old process still serves: %+v", s)
	}
	replaced := r.trace(t, name)
	if _, err := r.Reload(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, "the process before the reload is gone", func() bool { return !alive(replaced.pid) })
}

// TestSentence3_ADirectoryIsEnough: several hosts load plugins from one directory that they share and watch, and need
// no other storage.
func TestSentence3_ADirectoryIsEnough(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		dir, name := t.TempDir(), named(transport, "echo")
		hosts := []*runs{open(t, dir), open(t, dir), open(t, dir)}
		install(t, dir, name, "")
		sums := map[string]bool{}
		pids := map[int]bool{}
		for _, r := range hosts {
			s := r.await(t, name, contract.Ready)
			sums[s.SHA256], pids[s.PID] = true, true
			if got := r.encode(t, name, "hello"); got != "hello" {
				t.Errorf("it answers %v", got)
			}
		}
		if len(sums) != 1 || len(pids) != len(hosts) {
			t.Errorf("%d hosts run %d files in %d processes", len(hosts), len(sums), len(pids))
		}
		install(t, dir, name, "changed")
		for _, r := range hosts {
			r.until(t, "the changed file serves", name, func(s contract.Status) bool {
				return s.State == contract.Ready && !sums[s.SHA256]
			})
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		for _, r := range hosts {
			testkit.Eventually(t, patience, "the removed file is forgotten", func() bool { return len(r.List()) == 0 })
		}
	})
}

// TestSentence4_TheAddressComesFromStdout: all that a client knows of where a plugin serves is the line that the plugin
// prints to its stdout.
func TestSentence4_TheAddressComesFromStdout(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		link := filepath.Join(t.TempDir(), named(transport, "echo"))
		if err := os.Symlink(program(t, "echo"), link); err != nil {
			t.Fatal(err)
		}
		sockets, err := os.MkdirTemp("", "s") //nolint:usetesting // The path of a socket may not be long.
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(sockets) })
		cmd := exec.CommandContext(t.Context(), link)
		cmd.Env = []string{"PODINFO_PLUGIN=protocol", "PLUGIN_PROTOCOL_VERSIONS=1,2", "PLUGIN_UNIX_SOCKET_DIR=" + sockets}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		line, err := bufio.NewReader(stdout).ReadString('\n')
		parts := strings.Split(strings.TrimSpace(line), "|")
		if err != nil || len(parts) < 5 {
			t.Fatalf("the plugin printed %q, %v", line, err)
		}
		want := map[contract.Transport]string{contract.GRPC: "1 2 unix grpc", contract.RPC: "1 1 unix netrpc"}[transport]
		if got := strings.Join([]string{parts[0], parts[1], parts[2], parts[4]}, " "); got != want {
			t.Errorf("the handshake says %q, want %q", got, want)
		}
		conn, err := new(net.Dialer).DialContext(t.Context(), parts[2], parts[3])
		if err != nil {
			t.Fatalf("nobody listens where the handshake says: %v", err)
		}
		_ = conn.Close()
	})
}

// lostTexts are what a call hears whose plugin is gone, in the words of each transport.
func lostTexts(transport contract.Transport) []string {
	if transport == contract.GRPC {
		return []string{"Unavailable", "the client connection is closing"} // by whichever side hears of the end first
	}
	// "connection is shut down", "EOF" or "unexpected EOF", "session shutdown"
	return []string{rpc.ErrShutdown.Error(), io.EOF.Error(), yamux.ErrSessionShutdown.Error()}
}

// TestSentence5_ThePluginEndsUnexpectedly: when the process is killed under its calls they hear "connection is shut
// down", or the like of it. That is recognised, logged and counted, and the calls are made once more.
func TestSentence5_ThePluginEndsUnexpectedly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		survives(t, transport, func(_ *testing.T, old trace) { kill9(t, old.pid) }, "signal: killed")
	})
}

// TestSentence6_TheConnectionEndsUnexpectedly: the same when the connection is cut while the process lives, which must
// not live on beside the one that takes its place.
func TestSentence6_TheConnectionEndsUnexpectedly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		survives(t, transport, func(t *testing.T, old trace) { old.cut(t) }, "")
	})
}

// survives has an accident happen to a plugin while calls are in flight, none of which may hear of it.
func survives(t *testing.T, transport contract.Transport, accident func(*testing.T, trace), cause string) {
	t.Helper()
	const callers = 4
	name := named(transport, "echo")
	r := serve(t, name)
	old := r.trace(t, name)
	var calls sync.WaitGroup
	for range callers {
		calls.Go(func() {
			if got, err := r.Encode(t.Context(), name, "wait"); err != nil || got != "wait" {
				t.Errorf("a call that was in flight: %v, %v", got, err)
			}
		})
	}
	r.until(t, "the calls are in flight", name, func(s contract.Status) bool { return s.InFlight == callers })
	accident(t, old)
	calls.Wait()

	s := r.await(t, name, contract.Ready)
	if s.Restarts != 1 || s.PID == old.pid {
		t.Errorf("it ran as process %d and is %+v, want one restart", old.pid, s)
	}
	if retries := r.count(t, "retries_total", name, ""); retries < 1 || retries > callers {
		t.Errorf("%v of %d calls were made once more", retries, callers)
	}
	if restarts := r.count(t, "restarts_total", name, ""); restarts != 1 {
		t.Errorf("%v restarts are counted", restarts)
	}
	if told := r.logged(name, "plugin's connection was lost during a call"); !contain(told, lostTexts(transport)...) {
		t.Errorf("the log tells that a call heard %q, want one of %q", told, lostTexts(transport))
	}
	if told := r.logged(name, "plugin crashed"); !contain(told, cause) {
		t.Errorf("the log tells of the crashes %q, want %q", told, cause)
	}
	testkit.Eventually(t, patience, "the old process and its connection are gone", func() bool {
		return !alive(old.pid) && !old.connected() && len(old.sockets()) == 0
	})
}

// TestSentence7_AMissingRegistrationIsAnError: a value of a type that one side does not know cannot be carried. That is
// an ordinary error that names the type, and the connection and all that is in flight on it stay as they are.
func TestSentence7_AMissingRegistrationIsAnError(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		name := named(transport, "echo")
		r := serve(t, name)
		old := r.trace(t, name)
		for _, c := range []struct {
			name  string
			value any
			kind  error
			says  string
		}{
			{"known to nobody", pets.Cat{Name: "Tom"}, contract.ErrInvalid, "pets.Cat is not registered"},
			{"inside another value", map[string]any{"pet": []any{pets.Cat{}}}, contract.ErrInvalid, "pets.Cat is not"},
			{"known to the host", pets.Bird{Name: "Tweety"}, contract.ErrInvalid, "pets.Bird is not registered"},
			{"known to the plugin", "fish", contract.ErrAnswer, "pets.Fish is not registered"},
		} {
			_, err := r.Encode(t.Context(), name, c.value)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want an error of the kind %q that says %q", c.name, err, c.kind, c.says)
			}
			if got := r.encode(t, name, pets.Dog{Name: "Rex"}); got != (pets.Dog{Name: "Rex"}) {
				t.Errorf("%s: the next call answers %v", c.name, got)
			}
		}
		if s := r.await(t, name, contract.Ready); s.PID != old.pid || s.Restarts != 0 {
			t.Errorf("the errors of the calls cost the plugin its process: %+v", s)
		}
		if n := r.count(t, "retries_total", name, ""); n != 0 {
			t.Errorf("%v calls were made once more", n)
		}
	})
}

// TestSentence8_EncodeAndDecodeTakeAnyRegisteredType: concrete values need nothing, and behind an interface a Dog
// arrives as a Dog because the plugin registered it too.
func TestSentence8_EncodeAndDecodeTakeAnyRegisteredType(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		name := named(transport, "echo")
		r := serve(t, name)
		for _, value := range []any{
			nil, true, int64(-5), uint64(1 << 63), 2.5, "text", []byte("\x00\xff"),
			[]any{"a", int64(1), nil}, map[string]any{"a": []any{map[string]any{"b": []byte("c")}}},
			pets.Dog{Name: "Rex", Friend: &pets.Dog{Name: "Bello"}}, []any{pets.Dog{Name: "Rex"}},
		} {
			for method, call := range map[string]func(context.Context, string, any) (any, error){
				"Encode": r.Encode, "Decode": r.Decode,
			} {
				if got, err := call(t.Context(), name, value); err != nil || !reflect.DeepEqual(got, value) {
					t.Errorf("%s of %#v answers %#v, %v", method, value, got, err)
				}
			}
		}
	})
}

// TestSentence9_CallsGoBothWays: while its host waits for the answer to a call, a plugin over gRPC calls the host
// through the broker. One over net/rpc is told that it cannot.
func TestSentence9_CallsGoBothWays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		name := named(transport, "echo")
		caller := &callee{}
		r := serve(t, name, func(o *host.Options) { o.Caller = caller })
		if transport == contract.RPC {
			_, err := r.Encode(t.Context(), name, "call back")
			if !errors.Is(err, contract.ErrRefused) || !strings.Contains(err.Error(), "protocol-grpc-NAME") {
				t.Errorf("error %v does not say what to do", err)
			}
			return
		}
		const callers = 8
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				if got, err := r.Encode(t.Context(), name, "call back"); err != nil || got != "hello Rex" {
					t.Errorf("the plugin found %v, %v", got, err)
				}
			})
		}
		calls.Wait()
		want := slices.Repeat([]string{name + " warn called back"}, callers)
		if got := caller.lines(); !slices.Equal(got, want) {
			t.Errorf("the host was told %q, want %q", got, want)
		}
		kill9(t, r.await(t, name, contract.Ready).PID)
		if got := r.encode(t, name, "call back"); got != "hello Rex" {
			t.Errorf("the process after it found %v", got)
		}
	})
}

// callee is what plugins call.
type callee struct {
	mu     sync.Mutex
	logged []string
	cached []byte
}

func (c *callee) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.logged)
}

func (c *callee) Log(ctx context.Context, level, message string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logged = append(c.logged, strings.Join([]string{contract.PluginFrom(ctx), level, message}, " "))
	return nil
}

func (c *callee) CacheGet(_ context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key != "pet" {
		return nil, contract.ErrNotFound
	}
	return c.cached, nil
}

func (c *callee) CacheSet(_ context.Context, _ string, value []byte, _ time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cached = slices.Clone(value)
	return nil
}

func (c *callee) Config(_ context.Context, key string) (string, error) {
	if key != "greeting" {
		return "", contract.ErrNotFound
	}
	return "hello", nil
}
