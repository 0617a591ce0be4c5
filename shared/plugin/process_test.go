package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/podinfo-targets/podinfo/shared/plugin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// Dog is registered by host and plugin, Cat by the host alone, Cow by the plugin alone, and Bee by none of them.
type (
	Dog struct {
		Name   string
		Friend *Dog
	}
	Cat struct{ Name string }
	Cow struct{ Name string }
	Bee struct{ Name string }
)

// TestMain is the plugin, too: the tests start their own program under the names of plugins.
func TestMain(m *testing.M) {
	plugin.Register(Dog{})
	if name := filepath.Base(os.Args[0]); strings.HasPrefix(name, "protocol-") || os.Getenv("SERVE") != "" {
		plugin.Register(Cow{})
		plugin.Serve(codec{})
	}
	plugin.Register(Cat{})
	m.Run()
}

// codec is a plugin that returns what it gets but for the strings among it, which order what it does.
type codec struct{}

func (codec) Info(context.Context) (plugin.Info, error) {
	fmt.Fprintln(os.Stderr, "asked what it is")
	return plugin.Info{Name: "Test", ContentType: "text/plain"}, nil
}

func (codec) Decode(_ context.Context, v any) (any, error) { return v, nil }

func (codec) Encode(ctx context.Context, v any) (any, error) {
	switch v {
	case "print":
		fmt.Fprintln(os.Stdout, "printed to stdout")
		fmt.Fprintln(os.Stderr, "printed to stderr")
		log.Println("printed to the log")
		return nil, nil
	case "cow":
		return Cow{"Bella"}, nil
	case "bee":
		return map[string]any{"bees": []Bee{{"Maja"}}}, nil
	case "panic":
		panic("lost my mind")
	case "descriptors":
		return descriptorsOfChild(ctx)
	case "environment":
		return os.Getenv(wire.LifeFD), nil
	case "config":
		host, err := plugin.HostFrom(ctx)
		if err != nil {
			return nil, err
		}
		_, err = host.Config(ctx, "missing")
		return errors.Is(err, plugin.ErrNotFound), nil
	}
	return v, nil
}

// descriptorsOfChild returns what a program that the plugin starts has open beside the standard ones.
func descriptorsOfChild(ctx context.Context) (any, error) {
	out, err := exec.CommandContext(ctx, "/bin/sh", "-c", "test -e /proc/self/fd/3 && echo open || echo closed").Output()
	return strings.TrimSpace(string(out)), err
}

// process is a plugin that a test started.
type process struct {
	wire.Client
	connection goplugin.ClientProtocol
	cmd        *exec.Cmd
	life       *os.File // the host's end of the life pipe
	sockets    string   // the directory of its sockets
	stderr     output
	exited     chan struct{}
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// program returns the test's own program under another name.
func program(t testing.TB, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// start starts a plugin as a host does, and returns once its Client is there.
func start(t testing.TB, transport contract.Transport) *process {
	t.Helper()
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(program(t, "protocol-"+string(transport)+"-test")), life: ours,
		sockets: shortDir(t), exited: make(chan struct{})}
	handshake := wire.Handshake()
	p.cmd.Env = []string{
		handshake.MagicCookieKey + "=" + handshake.MagicCookieValue,
		"PLUGIN_PROTOCOL_VERSIONS=1,2",
		goplugin.EnvUnixSocketDir + "=" + p.sockets,
		wire.LifeFD + "=3",
		"PATH=" + os.Getenv("PATH"),
	}
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	address := make(chan string, 1)
	go p.wait(stdout, address)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		_ = ours.Close()
	})
	p.connect(t, transport, <-address)
	return p
}

// wait passes on the first line that the process prints and waits for its end.
func (p *process) wait(stdout io.Reader, address chan<- string) {
	first := make([]byte, 4<<10)
	n, _ := stdout.Read(first) // the line is printed at once
	address <- string(first[:n])
	_, _ = io.Copy(io.Discard, stdout)
	_ = p.cmd.Wait()
	close(p.exited)
}

// connect makes the Client from what the process printed: 1|2|unix|/tmp/socket|grpc|
func (p *process) connect(t testing.TB, transport contract.Transport, line string) {
	t.Helper()
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 5 {
		t.Fatalf("the plugin printed %q and\n%s", line, &p.stderr)
	}
	want := map[contract.Transport]string{contract.RPC: "1 netrpc", contract.GRPC: "2 grpc"}[transport]
	if got := parts[1] + " " + parts[4]; got != want {
		t.Fatalf("the plugin speaks %q, want %q", got, want)
	}
	for version, set := range wire.Only(transport, wire.ClientSets(wire.ClientOptions{Caller: nobody{}})) {
		p.connection = p.dial(t, version, set, parts)
		t.Cleanup(func() { _ = p.connection.Close() })
	}
	dispensed, err := p.connection.Dispense(wire.Dispensed)
	if err != nil {
		t.Fatal(err)
	}
	p.Client = dispensed.(wire.Client)
}

// dial connects once, as hosts do. For net/rpc go-plugin's own way to a running plugin connects twice.
func (p *process) dial(t testing.TB, version int, set goplugin.PluginSet, parts []string) goplugin.ClientProtocol {
	t.Helper()
	if parts[4] == string(goplugin.ProtocolNetRPC) {
		conn, err := net.Dial("unix", parts[3])
		if err != nil {
			t.Fatal(err)
		}
		client, err := goplugin.NewRPCClient(conn, set)
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	connection, err := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: wire.Handshake(),
		Plugins:         set,
		Reattach: &goplugin.ReattachConfig{
			Protocol:        goplugin.ProtocolGRPC,
			ProtocolVersion: version,
			Addr:            &net.UnixAddr{Net: "unix", Name: parts[3]},
			Pid:             p.cmd.Process.Pid,
			Test:            true, // the process is the test's
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		GRPCDialOptions:  wire.DialOptions(),
		Logger:           hclog.NewNullLogger(),
	}).Client()
	if err != nil {
		t.Fatal(err)
	}
	return connection
}

// overBoth runs a test with a plugin of each transport.
func overBoth(t *testing.T, test func(t *testing.T, p *process)) {
	t.Helper()
	for _, transport := range []contract.Transport{contract.RPC, contract.GRPC} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			test(t, start(t, transport))
		})
	}
}

// ended waits until the process has ended, and returns how.
func (p *process) ended(t testing.TB) string {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		t.Fatalf("the process has not ended; it printed\n%s", &p.stderr)
	}
	return p.cmd.ProcessState.String()
}

// nobody is a host that has nothing.
type nobody struct{ contract.Caller }

func (nobody) Config(_ context.Context, key string) (string, error) {
	return "", fmt.Errorf("%w: no file %s", contract.ErrNotFound, key)
}

func TestMissingRegistrationsAreErrorsOfTheCall(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, p *process) {
		for _, c := range []struct {
			name  string
			value any
			kind  error
			says  string
		}{
			{"argument that the host does not know", Bee{}, contract.ErrInvalid, "plugin_test.Bee is not registered"},
			{"argument that the plugin does not know", Cat{}, contract.ErrInvalid, "plugin_test.Cat is not registered"},
			{"the same in a map", map[string]any{"a": &Cat{}}, contract.ErrInvalid, "plugin_test.Cat is not registered"},
			{"answer that the host does not know", "cow", contract.ErrAnswer, "plugin_test.Cow is not registered"},
			{"answer that the plugin does not know", "bee", contract.ErrAnswer, "plugin_test.Bee is not registered"},
		} {
			_, err := p.Encode(t.Context(), c.value)
			if !errors.Is(err, c.kind) || wire.Lost(err) {
				t.Errorf("%s: %v, want an error of the kind %v", c.name, err, c.kind)
				continue
			}
			for _, says := range []string{c.says, "call plugin.Register with a value of it in both programs"} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%s: %q does not say %q", c.name, err, says)
				}
			}
			dog := Dog{"Rex", &Dog{Name: "Bello"}}
			if got, err := p.Encode(t.Context(), dog); err != nil || got.(Dog).Friend.Name != "Bello" {
				t.Fatalf("after %s the connection is of no use: %v, %v", c.name, got, err)
			}
		}
	})
}

func TestAPanicEndsOneCall(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, p *process) {
		if _, err := p.Encode(t.Context(), "panic"); !errors.Is(err, contract.ErrAnswer) {
			t.Errorf("error %v", err)
		}
		if got, err := p.Encode(t.Context(), "on"); got != "on" || err != nil {
			t.Errorf("the next call: %v, %v", got, err)
		}
		testkit.Eventually(t, 5*time.Second, "the stack of the panic", func() bool {
			return strings.Contains(p.stderr.String(), "process_test.go")
		})
		if printed := p.stderr.String(); !strings.Contains("\n"+printed, "\n[ERROR] panic: lost my mind\n[ERROR] ") {
			t.Errorf("the panic is not marked as one that the process outlived:\n%s", printed)
		}
	})
}

func TestWhatThePluginPrints(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, p *process) {
		if _, err := p.Info(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := p.Encode(t.Context(), "print"); err != nil {
			t.Error(err)
		}
		for _, line := range []string{"asked what it is", "printed to stdout", "printed to stderr", "printed to the log"} {
			testkit.Eventually(t, 5*time.Second, line, func() bool {
				return strings.Contains(p.stderr.String(), line)
			})
		}
	})
}

func TestOnlyOverGRPCThereIsAHost(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, p *process) {
		got, err := p.Encode(t.Context(), "config")
		if strings.Contains(p.cmd.Path, "-grpc-") {
			if got != true || err != nil {
				t.Errorf("a missing file: %v, %v", got, err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), "protocol-grpc-NAME") {
			t.Errorf("error %v does not say what to do", err)
		}
	})
}

func TestAPluginEndsWithItsHost(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, p *process) {
		if got, err := p.Encode(t.Context(), "environment"); got != "" || err != nil {
			t.Errorf("the plugin's children are told of the pipe: %v, %v", got, err)
		}
		if got, err := p.Encode(t.Context(), "descriptors"); got != "closed" || err != nil {
			t.Errorf("in the plugin's children the pipe is %v, %v", got, err)
		}
		if err := p.life.Close(); err != nil { // as the kernel does when the host is killed
			t.Fatal(err)
		}
		if got := p.ended(t); got != "exit status 1" {
			t.Errorf("it ended with %s and printed\n%s", got, &p.stderr)
		}
		p.leavesNothing(t)
	})
}

func TestSIGTERMEndsAPlugin(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, p *process) {
		if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil { // is for the host, and ignored
			t.Fatal(err)
		}
		if got, err := p.Encode(t.Context(), "still there"); got != "still there" || err != nil {
			t.Errorf("after SIGINT: %v, %v", got, err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if got := p.ended(t); got != "exit status 0" {
			t.Errorf("it ended with %s and printed\n%s", got, &p.stderr)
		}
		p.leavesNothing(t)
	})
}

func TestTheHostEndsAPlugin(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, p *process) {
		_ = p.connection.Close() // net/rpc may not get its answer to that any more
		if got := p.ended(t); got != "exit status 0" {
			t.Errorf("it ended with %s and printed\n%s", got, &p.stderr)
		}
		p.leavesNothing(t)
	})
}

// leavesNothing fails the test when the directory of the process's sockets is still there.
func (p *process) leavesNothing(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(p.sockets); !errors.Is(err, os.ErrNotExist) {
		left, _ := os.ReadDir(p.sockets)
		t.Errorf("it left %v in %s", left, p.sockets)
	}
}

func TestStartedInAnotherWay(t *testing.T) {
	t.Parallel()
	handshake := wire.Handshake()
	cookie := handshake.MagicCookieKey + "=" + handshake.MagicCookieValue
	for _, c := range []struct {
		name, program string
		env           []string
		says          []string
	}{
		{"by hand", "protocol-grpc-cbor", nil,
			[]string{"protocol-grpc-cbor is a plugin of podinfo", "--plugins-path", "podcli plugin encode cbor"}},
		{"by hand under another name", "cbor", []string{"SERVE=1"},
			[]string{"cbor is a plugin of podinfo", "--plugins-path", "call it protocol-grpc-NAME or protocol-rpc-NAME"}},
		{"by a host under another name", "cbor", []string{"SERVE=1", cookie},
			[]string{`"cbor" is no plugin's name`, "call it protocol-grpc-NAME or protocol-rpc-NAME"}},
		{"with a life pipe that is none", "protocol-rpc-cbor", []string{cookie, wire.LifeFD + "=stdin"},
			[]string{"protocol-rpc-cbor", wire.LifeFD, "stdin"}},
		{"with a life pipe that is not open", "protocol-rpc-cbor", []string{cookie, wire.LifeFD + "=99"},
			[]string{"protocol-rpc-cbor", wire.LifeFD, "99"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program(t, c.program))
			cmd.Env = append([]string{"TMPDIR=" + t.TempDir()}, c.env...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 || stdout.Len() > 0 {
				t.Errorf("it ended with %v and printed %q, want exit status 2", err, &stdout)
			}
			for _, says := range c.says {
				if !strings.Contains(stderr.String(), says) {
					t.Errorf("stderr does not say %q:\n%s", says, &stderr)
				}
			}
		})
	}
}

// shortDir returns a directory whose path leaves room for the name of a socket, which t.TempDir does not for long names
// of tests.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "plugin") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
