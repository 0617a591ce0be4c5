package launch_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/launch"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// transports is every way to talk to a plugin.
func transports() []contract.Transport { return []contract.Transport{contract.GRPC, contract.RPC} }

// binary gives the test's plugin the name that has it behave in the mode.
func binary(t *testing.T, transport contract.Transport, mode string) launch.Binary {
	t.Helper()
	built := testkit.Build(t, "shared/plugin/internal/launch/testdata/plugin", "-trimpath")
	name, err := contract.ParseName(fmt.Sprintf("protocol-%s-%s", transport, mode))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name.File)
	if err := os.Symlink(built, path); err != nil {
		t.Fatal(err)
	}
	return launch.Binary{Name: name, Path: path}
}

// options are those of a host of its own, whose log the hook keeps.
func options(t *testing.T) (launch.Options, *test.Hook) {
	t.Helper()
	dir, err := os.MkdirTemp("", "launch") //nolint:usetesting // t.TempDir is too long for a socket.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	log, hook := test.NewNullLogger()
	return launch.Options{Log: log, Dir: dir, StartTimeout: 20 * time.Second}, hook
}

// start launches a plugin that shall come up, and ends it with the test.
func start(t *testing.T, o launch.Options, b launch.Binary) *launch.Process {
	t.Helper()
	p, err := launch.Start(t.Context(), o, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(context.Background()) })
	return p
}

// order has the plugin do something of which no answer is expected.
func order(t *testing.T, p *launch.Process, what string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := p.Client().Encode(ctx, what)
	return err
}

// exit waits for the end of the process.
func exit(t *testing.T, p *launch.Process) {
	t.Helper()
	select {
	case <-p.Exited():
	case <-time.After(20 * time.Second):
		t.Fatal("the plugin has not ended after 20 seconds")
	}
}

func absent(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// empty fails the test when something is left in the directory of the sockets.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left in the directory of the sockets: %v", left)
	}
}

func TestPluginServesUntilItIsKilled(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		for _, mtls := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s mtls=%v", transport, mtls), func(t *testing.T) {
				t.Parallel()
				o, _ := options(t)
				o.MTLS = mtls
				p := start(t, o, binary(t, transport, "echo"))
				if got := p.Info(); got.Name != "Echo" || got.ContentType != "text/plain" {
					t.Errorf("Info is %+v", got)
				}
				if got, err := p.Client().Encode(t.Context(), []byte("hello")); err != nil || string(got.([]byte)) != "hello" {
					t.Errorf("Encode returned %v, %v", got, err)
				}
				if err := p.Ping(t.Context()); err != nil {
					t.Errorf("Ping: %v", err)
				}
				if p.Memory() < 1<<20 {
					t.Errorf("a plugin that runs has %d bytes of memory", p.Memory())
				}
				begin := time.Now()
				p.Kill(t.Context())
				t.Logf("killed in %s", time.Since(begin))
				if !absent(p.PID()) {
					t.Error("Kill returned before the process was gone")
				}
				empty(t, o.Dir)
				p.Kill(t.Context()) // again, to no effect
				if got := p.Exit(); got != "exit status 0" {
					t.Errorf("the plugin ended by %q, want exit status 0, as it was asked to end first", got)
				}
			})
		}
	}
}

func TestClientOfAKilledPluginIsLost(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			p := start(t, o, binary(t, transport, "echo"))
			p.Kill(t.Context())
			if _, err := p.Client().Encode(t.Context(), "hello"); !wire.Lost(err) {
				t.Errorf("Encode after Kill returned %v, want an error by which the connection is known to be lost", err)
			}
			if err := p.Ping(t.Context()); err == nil {
				t.Error("Ping after Kill returned no error")
			}
		})
	}
}

// What a plugin does wrong while it starts is said, and leaves nothing.
func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode, want string
		broken     bool
	}{
		{"garbage", `"Hello! I am starting up.", is no handshake`, true},
		{"binary", "is no handshake", true},
		{"long", "is longer than the 8192 bytes", true},
		{"exit", `(exit status 3): "the license has expired"`, false},
		{"partial", `"1|1|unix", is no handshake`, true},
		{"closed", "closed its stdout without a handshake", true},
		{"tcp", "not on a Unix socket", true},
		{"foreign", "outside its own directory", true},
		{"dots", "outside its own directory", true},
		{"file", "is no socket", true},
		{"link", "is no socket", true},
		{"version", `version "9" of the protocol`, true},
		{"other", "call it protocol-", true},
	} {
		for _, transport := range transports() {
			t.Run(tc.mode+" "+string(transport), func(t *testing.T) {
				t.Parallel()
				o, hook := options(t)
				begin := time.Now()
				_, err := launch.Start(t.Context(), o, binary(t, transport, tc.mode))
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("Start returned %v, want an error that says %q", err, tc.want)
				}
				if errors.Is(err, contract.ErrBroken) != tc.broken {
					t.Errorf("that the file is broken is %v of %v, want %v", !tc.broken, err, tc.broken)
				}
				if took := time.Since(begin); took > 10*time.Second {
					t.Errorf("it took %s", took)
				}
				if tc.mode == "foreign" {
					_ = os.Remove(filepath.Join(o.Dir, "foreign"))
				}
				empty(t, o.Dir)
				for _, entry := range hook.AllEntries() {
					if len(entry.Message) > 5000 {
						t.Errorf("a line of %d bytes was logged", len(entry.Message))
					}
				}
			})
		}
	}
}

func TestStartIsBounded(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"silent", "deaf"} {
		for _, transport := range transports() {
			t.Run(mode+" "+string(transport), func(t *testing.T) {
				t.Parallel()
				o, _ := options(t)
				o.StartTimeout = 300 * time.Millisecond
				startWithin(t.Context(), t, o, binary(t, transport, mode))
			})
		}
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			o.StartTimeout = time.Hour
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			startWithin(ctx, t, o, binary(t, transport, "silent"))
		})
	}
}

func startWithin(ctx context.Context, t *testing.T, o launch.Options, b launch.Binary) {
	t.Helper()
	begin := time.Now()
	_, err := launch.Start(ctx, o, b)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Start returned %v, want that its time is up", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("Start took %s", took)
	}
	empty(t, o.Dir)
}

func TestStartWithoutTimeStartsNothing(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := launch.Start(ctx, o, binary(t, contract.GRPC, "echo")); !errors.Is(err, context.Canceled) {
		t.Errorf("Start returned %v, want context.Canceled", err)
	}
	empty(t, o.Dir)
}

func TestLongDirectoryIsRefusedUpFront(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	o.Dir = "/" + strings.Repeat("d", 66)
	_, err := launch.Start(t.Context(), o, binary(t, contract.GRPC, "echo"))
	if err == nil || !strings.Contains(err.Error(), "2 bytes too long") {
		t.Errorf("Start returned %v, want that the directory is 2 bytes too long", err)
	}
}

func TestMissingFileIsExplained(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	b := binary(t, contract.GRPC, "echo")
	b.Path += "x"
	_, err := launch.Start(t.Context(), o, b)
	if !errors.Is(err, contract.ErrBroken) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start returned %v, want that the file is missing", err)
	}
	empty(t, o.Dir)
}

// Plugins that go-plugin does not survive, or that write without end, are plugins like others.
func TestStrangePluginsServe(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"json", "flooderr", "floodout", "floodsync", "nolines"} {
		for _, transport := range transports() {
			t.Run(mode+" "+string(transport), func(t *testing.T) {
				t.Parallel()
				o, hook := options(t)
				p := start(t, o, binary(t, transport, mode))
				if strings.HasPrefix(mode, "flood") {
					testkit.Eventually(t, 20*time.Second, "the count of lines that were dropped", func() bool {
						return logged(hook, "more than 100 lines in a second")
					})
				}
				for range 20 {
					if _, err := p.Client().Encode(t.Context(), "hello"); err != nil {
						t.Fatal(err)
					}
				}
				p.Kill(t.Context())
				empty(t, o.Dir)
				if n := len(hook.AllEntries()); n > 3000 {
					t.Errorf("%d lines were logged", n)
				}
				for _, entry := range hook.AllEntries() {
					if len(entry.Message) > 5000 || entry.Data["plugin"] == nil {
						t.Fatalf("a line of %d bytes was logged for plugin %v", len(entry.Message), entry.Data["plugin"])
					}
				}
			})
		}
	}
}

// go-plugin's own streams would take messages of 2 GiB.
func TestStreamsOfGoPluginAreBounded(t *testing.T) {
	t.Parallel()
	o, hook := options(t)
	o.Log.SetLevel(logrus.DebugLevel)
	p := start(t, o, binary(t, contract.GRPC, "stdio"))
	testkit.Eventually(t, 20*time.Second, "the refusal of a large message", func() bool {
		return logged(hook, "received message larger than max")
	})
	if err := order(t, p, "hello"); err != nil {
		t.Errorf("a call after it: %v", err)
	}
}

// Each stream that a plugin opens over net/rpc would keep a goroutine of its host.
func TestPluginThatOpensAStreamIsEnded(t *testing.T) {
	t.Parallel()
	for _, mtls := range []bool{false, true} {
		t.Run(fmt.Sprintf("mutual TLS %t", mtls), func(t *testing.T) {
			t.Parallel()
			o, hook := options(t)
			o.MTLS = mtls
			p := start(t, o, binary(t, contract.RPC, "serves"))
			if err := order(t, p, "dial"); !wire.Lost(err) {
				t.Errorf("the call: %v, want the connection lost", err)
			}
			exit(t, p)
			if got := p.Exit(); got != "signal: killed" {
				t.Errorf("the process ended with %q", got)
			}
			if !errorLogged(hook, "which only its host may") {
				t.Error("the log does not say why")
			}
		})
	}
}

// errorLogged tells whether the error of a line has the text.
func errorLogged(hook *test.Hook, text string) bool {
	for _, entry := range hook.AllEntries() {
		if err, ok := entry.Data[logrus.ErrorKey].(error); ok && strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// colored is a host of which a plugin asks one thing.
type colored struct{ contract.Caller }

func (colored) Config(_ context.Context, key string) (string, error) { return key + " is blue", nil }

func TestPluginCallsItsHost(t *testing.T) {
	t.Parallel()
	for _, mtls := range []bool{false, true} {
		t.Run(fmt.Sprintf("mutual TLS %t", mtls), func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			o.MTLS, o.Caller = mtls, colored{}
			p := start(t, o, binary(t, contract.GRPC, "serves"))
			if got, err := p.Client().Encode(t.Context(), "call"); got != "color is blue" || err != nil {
				t.Errorf("the plugin heard %v, %v", got, err)
			}
			p.Kill(t.Context())
			empty(t, o.Dir)
		})
	}
}

// The headers of an answer are no way around the bound of its value.
func TestHeadersOfAnAnswerAreBounded(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	p := start(t, o, binary(t, contract.GRPC, "headers"))
	if err := order(t, p, "hello"); err == nil {
		t.Error("an answer with a mebibyte of headers was taken")
	}
	if err := p.Ping(t.Context()); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func logged(hook *test.Hook, text string) bool {
	for _, entry := range hook.AllEntries() {
		if strings.Contains(entry.Message, text) {
			return true
		}
	}
	return false
}

// go-plugin takes a certificate that it did not ask for as a reason to panic.
func TestCertificateUnaskedIsIgnored(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		o, _ := options(t)
		o.StartTimeout = 500 * time.Millisecond
		startWithin(t.Context(), t, o, binary(t, transport, "cert"))
	}
}

func TestCertificateIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		o, _ := options(t)
		o.MTLS = true
		_, err := launch.Start(t.Context(), o, binary(t, transport, "deaf"))
		if err == nil || !strings.Contains(err.Error(), "no certificate") {
			t.Errorf("Start returned %v, want that there is no certificate", err)
		}
	}
}

// A plugin that is stopped answers nothing. Neither Ping nor Kill waits for it longer than they say.
func TestFrozenPluginIsKilled(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			p := start(t, o, binary(t, transport, "echo"))
			testkit.Freeze(t, p.PID())
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				begin := time.Now()
				if err := p.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Ping returned %v, want that its time is up", err)
				}
				if took := time.Since(begin); took > 10*time.Second {
					t.Errorf("Ping took %s", took)
				}
				cancel()
			}
			begin := time.Now()
			p.Kill(t.Context())
			if took := time.Since(begin); took < time.Second || took > 10*time.Second {
				t.Errorf("Kill took %s, want the two seconds of grace", took)
			}
			if !absent(p.PID()) || p.Exit() != "signal: killed" {
				t.Errorf("the process ended by %q", p.Exit())
			}
			empty(t, o.Dir)
		})
	}
}

func TestKillWithoutTimeKillsAtOnce(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		o, _ := options(t)
		p := start(t, o, binary(t, transport, "echo"))
		testkit.Freeze(t, p.PID())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { p.Kill(ctx) })
		}
		wg.Wait()
		if took := time.Since(begin); took >= 2*time.Second {
			t.Errorf("Kill took %s, as if there were time for grace", took)
		}
		if !absent(p.PID()) {
			t.Error("Kill returned before the process was gone")
		}
	}
}

// A plugin that dies takes its directory with it, before anyone kills it.
func TestCrashIsNoticedAndClearedUp(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		for what, want := range map[string]string{"exit": "exit status 3", "panic": "exit status 2"} {
			t.Run(string(transport)+" "+what, func(t *testing.T) {
				t.Parallel()
				o, hook := options(t)
				p := start(t, o, binary(t, transport, "echo"))
				if err := order(t, p, what); !wire.Lost(err) {
					t.Errorf("the call returned %v, want an error by which the connection is known to be lost", err)
				}
				exit(t, p)
				if got := p.Exit(); got != want {
					t.Errorf("Exit is %q, want %q", got, want)
				}
				testkit.Eventually(t, 10*time.Second, "the end of the socket's directory", func() bool {
					left, err := os.ReadDir(o.Dir)
					return err == nil && len(left) == 0
				})
				p.Kill(t.Context())
				if what == "panic" && !logged(hook, "panic: as ordered") {
					t.Error("the panic was not logged")
				}
			})
		}
	}
}

// kill -9 while a child of the plugin, in a session of its own, still holds its stderr.
func TestExitIsNoticedDespiteAnOrphan(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			p := start(t, o, binary(t, transport, "echo"))
			answer, err := p.Client().Encode(t.Context(), "orphan")
			if err != nil {
				t.Fatal(err)
			}
			orphan := int(answer.(int64))
			if absent(orphan) {
				t.Fatal("the orphan is gone too early")
			}
			begin := time.Now()
			if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			exit(t, p)
			t.Logf("noticed after %s", time.Since(begin))
			p.Kill(t.Context())
			if !absent(orphan) {
				t.Error("Kill returned before the orphan was gone")
			}
		})
	}
}

func TestSecretsDoNotReachAPlugin(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			o.Limits = launch.Limits{MemoryBytes: 200 << 20}
			o.Environ = []string{
				"TZ=Europe/Vienna", "AWS_SECRET_ACCESS_KEY=k1", "PODINFO_TOKEN_SECRET=k2", "OTEL_EXPORTER_OTLP_HEADERS=key=k3",
				"OTEL_EXPORTER_OTLP_ENDPOINT=https://me:k4@collector", "PATH=/k5", "LD_PRELOAD=/k6",
			}
			p := start(t, o, binary(t, transport, "echo"))
			answer, err := p.Client().Encode(t.Context(), "environ")
			if err != nil {
				t.Fatal(err)
			}
			env := strings.Split(answer.(string), "\n")
			var names []string
			for _, v := range env {
				name, value, _ := strings.Cut(v, "=")
				names = append(names, name)
				for k := range 6 {
					if strings.Contains(value, fmt.Sprintf("k%d", k+1)) && !strings.HasPrefix(value, o.Dir) {
						t.Errorf("%s reached the plugin", v)
					}
				}
			}
			want := "GOMEMLIMIT TZ PODINFO_PLUGIN PLUGIN_MIN_PORT PLUGIN_MAX_PORT PLUGIN_PROTOCOL_VERSIONS " +
				"PLUGIN_UNIX_SOCKET_DIR PODINFO_PLUGIN_LIFE_FD TMPDIR"
			if got := strings.Join(names, " "); got != want {
				t.Errorf("the plugin has the variables %s\nwant %s", got, want)
			}
		})
	}
}

func TestWhatAPluginPrintsIsLogged(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		o, hook := options(t)
		p := start(t, o, binary(t, transport, "echo"))
		if err := order(t, p, "print"); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"to stdout", "to stderr"} {
			testkit.Eventually(t, 10*time.Second, text, func() bool { return logged(hook, text) })
		}
		p.Kill(t.Context())
		for _, entry := range hook.AllEntries() {
			if strings.HasPrefix(entry.Message, "go-plugin: ") {
				t.Errorf("go-plugin's own line is logged at level %s: %s", entry.Level, entry.Message)
			}
		}
	}
}

func TestPluginsOwnLinesAreForDebugging(t *testing.T) {
	t.Parallel()
	o, hook := options(t)
	o.Log.SetLevel(logrus.DebugLevel)
	start(t, o, binary(t, contract.GRPC, "echo")).Kill(t.Context())
	for _, entry := range hook.AllEntries() {
		if strings.HasPrefix(entry.Message, "go-plugin: ") && entry.Level != logrus.DebugLevel {
			t.Errorf("go-plugin's own line is logged at level %s: %s", entry.Level, entry.Message)
		}
	}
	if !logged(hook, "go-plugin: ") {
		t.Error("go-plugin's lines are missing from the debug log")
	}
}

// A plugin that eats memory dies of its own limit, and is noticed.
func TestMemoryIsLimited(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			o, hook := options(t)
			o.Limits.MemoryBytes = 64 << 20
			p := start(t, o, binary(t, transport, "echo"))
			if err := order(t, p, "eat"); !wire.Lost(err) {
				t.Errorf("the call returned %v, want an error by which the connection is known to be lost", err)
			}
			exit(t, p)
			p.Kill(t.Context())
			// The words of Go's runtime depend on what it wanted the memory for: its heap, or a thread where C is linked.
			if !logged(hook, "fatal error: ") && !logged(hook, "runtime/cgo: ") {
				t.Errorf("the log does not say why: %s", p.Exit())
			}
		})
	}
}

// Libraries that write to our standard error would spoil a log that is read by machines.
func TestDeathOfAPluginIsSilent(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			host := exec.Command(testkit.Build(t, "shared/plugin/internal/launch/testdata/host", "-trimpath"),
				binary(t, transport, "echo").Path, o.Dir, "60")
			if output, err := host.CombinedOutput(); err != nil || len(output) > 0 {
				t.Errorf("the host ended with %v and wrote:\n%s", err, output)
			}
		})
	}
}

func TestPluginEndsWithItsHost(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			host := exec.Command(testkit.Build(t, "shared/plugin/internal/launch/testdata/host", "-trimpath"),
				binary(t, transport, "echo").Path, o.Dir)
			host.Stderr = io.Discard
			stdout, err := host.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			var pid int
			if _, err := fmt.Fscan(bufio.NewReader(stdout), &pid); err != nil {
				t.Fatal(err)
			}
			if err := host.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			// A busy machine cannot be held to the second that this should take at most.
			testkit.Eventually(t, 10*time.Second, "the end of a plugin whose host was killed", func() bool {
				stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
				return err != nil || strings.Contains(string(stat), ") Z ")
			})
			_ = host.Wait()
			// The plugins of this process have made it the parent of what its children leave.
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		})
	}
}
