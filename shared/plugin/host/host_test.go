package host_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = 30 * time.Second

func TestMain(m *testing.M) { os.Exit(testkit.RunLeavingNothing(m, nil)) }

// transports are what most tests are held on, as the beginnings of names.
var transports = []string{"protocol-grpc-", "protocol-rpc-"}

// binary builds the test plugin in a version.
func binary(t testing.TB, version string) string {
	return testkit.Build(t, "shared/plugin/host/testdata/plugin", "-ldflags=-s -w -X=main.version="+version)
}

// install puts a file under a name into a directory at once.
func install(t testing.TB, file, dir, name string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, data, dir, name)
}

func write(t testing.TB, data []byte, dir, name string) {
	t.Helper()
	temp := filepath.Join(dir, "."+rand.Text())
	if err := errors.Join(os.WriteFile(temp, data, 0o700), os.Rename(temp, filepath.Join(dir, name))); err != nil {
		t.Fatal(err)
	}
}

// open opens a host on a directory, and checks after the test that nothing of it is left.
func open(t testing.TB, dir string, change ...func(*host.Options)) *host.Host {
	t.Helper()
	log, _ := test.NewNullLogger()
	o := host.Options{
		Dir: dir, StageDir: t.TempDir(), Poll: 50 * time.Millisecond, CallTimeout: patience, StartTimeout: patience, Log: log,
	}
	for _, c := range change {
		c(&o)
	}
	h, err := host.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		pids := pids(h)
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
		for _, pid := range pids {
			if alive(pid) {
				t.Errorf("process %d outlives its host", pid)
			}
		}
		if left, err := os.ReadDir(o.StageDir); err != nil || len(left) > 0 {
			t.Errorf("%v is left in the stage, %v", left, err)
		}
	})
	return h
}

func pids(h *host.Host) []int {
	var pids []int
	for _, s := range h.List() {
		if s.PID != 0 {
			pids = append(pids, s.PID)
		}
	}
	return pids
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// await waits until a plugin is in a state, and returns what is told of it then.
func await(t testing.TB, h *host.Host, name string, state contract.State) (s contract.Status) {
	t.Helper()
	testkit.Eventually(t, patience, fmt.Sprintf("%s is %s", name, state), func() bool {
		var err error
		s, err = h.Get(name)
		return err == nil && s.State == state
	})
	return s
}

// serve opens a host with one plugin that is ready.
func serve(t testing.TB, name string, change ...func(*host.Options)) (h *host.Host, dir string) {
	t.Helper()
	dir = t.TempDir()
	install(t, binary(t, "1"), dir, name)
	h = open(t, dir, change...)
	await(t, h, name, contract.Ready)
	return h, dir
}

// each holds a test on both transports.
func each(t *testing.T, do func(t *testing.T, name string)) {
	for _, transport := range transports {
		t.Run(strings.Trim(transport, "-"), func(t *testing.T) {
			t.Parallel()
			do(t, transport+"test")
		})
	}
}

func TestPluginServesByItsNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, _ := serve(t, name)
		for _, called := range []string{name, "test"} {
			got, err := h.Decode(t.Context(), called, []byte("value"))
			if err != nil || string(got.([]byte)) != "value" {
				t.Errorf("%s answers %v, %v", called, got, err)
			}
		}
		s, err := h.Get("test")
		if err != nil || s.Name != name || s.PID == 0 || len(s.SHA256) != 64 || s.Info.ContentType != "application/x-test" {
			t.Errorf("the status is %+v, %v", s, err)
		}
		if _, err := h.Encode(t.Context(), "test", "refuse"); !errors.Is(err, contract.ErrRefused) {
			t.Errorf("the refusal is %v", err)
		}
	})
}

func TestCallsOfNobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, transport := range transports {
		install(t, binary(t, "1"), dir, transport+"test")
	}
	h := open(t, dir)
	await(t, h, "protocol-grpc-test", contract.Ready)
	await(t, h, "protocol-rpc-test", contract.Ready)
	for name, want := range map[string]error{"absent": contract.ErrNotFound, "test": contract.ErrAmbiguous} {
		if _, err := h.Encode(t.Context(), name, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if _, err := h.Kill(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if list := h.List(); len(list) != 2 || list[0].Name != "protocol-grpc-test" {
		t.Errorf("the list is %+v", list)
	}
}

func TestReloadLosesNoCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, dir := serve(t, name)
		old := await(t, h, name, contract.Ready)
		ctx, stop := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for ctx.Err() == nil {
					if _, err := h.Encode(t.Context(), name, "slow"); err != nil {
						t.Errorf("a call during reloads: %v", err)
						return
					}
				}
			})
		}
		for range 3 {
			if s, err := h.Reload(t.Context(), name); err != nil || s.State != contract.Ready {
				t.Errorf("the reload: %+v, %v", s, err)
			}
		}
		install(t, binary(t, "2"), dir, name)
		testkit.Eventually(t, patience, "the new file serves", func() bool {
			v, err := h.Encode(t.Context(), name, "version")
			return err == nil && v == "2"
		})
		stop()
		callers.Wait()
		s := await(t, h, name, contract.Ready)
		if s.Reloads != 4 || s.Restarts != 0 || s.SHA256 == old.SHA256 || s.PID == old.PID {
			t.Errorf("it was %+v and is %+v", old, s)
		}
		testkit.Eventually(t, patience, "the old process is gone", func() bool { return !alive(old.PID) })
	})
}

func TestReloadThatFailsKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, dir := serve(t, name)
		old := await(t, h, name, contract.Ready)
		write(t, []byte("#!/nonexistent/interpreter\n"), dir, name)
		testkit.Eventually(t, patience, "the failed reload is told", func() bool {
			s, err := h.Get(name)
			return err == nil && s.Error != ""
		})
		if _, err := h.Reload(t.Context(), name); !errors.Is(err, contract.ErrBroken) {
			t.Errorf("the reload says %v", err)
		}
		s := await(t, h, name, contract.Ready)
		if s.PID != old.PID || s.SHA256 != old.SHA256 || s.Reloads != 0 {
			t.Errorf("it was %+v and is %+v", old, s)
		}
		if _, err := h.Encode(t.Context(), name, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestKilledProcessIsReplacedAndNoCallIsLost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		registry := prometheus.NewRegistry()
		h, _ := serve(t, name, func(o *host.Options) { o.Metrics = registry })
		for round := range 3 {
			old := await(t, h, name, contract.Ready)
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					if _, err := h.Encode(t.Context(), name, "slow"); err != nil {
						t.Errorf("a call whose plugin was killed: %v", err)
					}
				})
			}
			testkit.Eventually(t, patience, "calls are in flight", func() bool {
				s, err := h.Get(name)
				return err == nil && s.InFlight > 0
			})
			if err := syscall.Kill(old.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			calls.Wait()
			if s := await(t, h, name, contract.Ready); s.PID == old.PID || s.Restarts != round+1 {
				t.Errorf("it was %+v and is %+v", old, s)
			}
		}
	})
}

// TestCopyThatWasCleanedUpIsMadeAnew holds on real files what TestCopyThatIsGoneIsMadeAnew does.
func TestCopyThatWasCleanedUpIsMadeAnew(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		var copies string
		h, _ := serve(t, name, func(o *host.Options) { copies = filepath.Join(o.StageDir, "*", "*", name) })
		old := await(t, h, name, contract.Ready)
		files, err := filepath.Glob(copies)
		if err != nil || len(files) != 1 {
			t.Fatalf("the copies are %v, %v", files, err)
		}
		if err := os.RemoveAll(filepath.Dir(files[0])); err != nil {
			t.Fatal(err)
		}
		kill(t, h, name)
		if s := await(t, h, name, contract.Ready); s.SHA256 != old.SHA256 || s.Restarts != 1 {
			t.Errorf("it was %+v and is %+v", old, s)
		}
	})
}

func TestCallThatKillsThePluginIsMadeTwiceAndNoMore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, _ := serve(t, name)
		if _, err := h.Encode(t.Context(), name, "exit"); !errors.Is(err, contract.ErrDied) {
			t.Errorf("the call says %v", err)
		}
		testkit.Eventually(t, patience, "the plugin is back", func() bool {
			s, err := h.Get(name)
			return err == nil && s.State == contract.Ready && s.Restarts == 2
		})
	})
}

func TestFrozenPluginTimesOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, _ := serve(t, name, func(o *host.Options) { o.CallTimeout = 100 * time.Millisecond })
		if _, err := h.Encode(t.Context(), name, "hang"); !errors.Is(err, contract.ErrTimeout) {
			t.Errorf("the call says %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := h.Encode(ctx, name, "hang"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the call says %v", err)
		}
		cancel()
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if _, err := h.Encode(ctx, name, "hang"); !errors.Is(err, context.Canceled) {
			t.Errorf("the call says %v", err)
		}
	})
}

func TestTooManyCallsAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, _ := serve(t, name, func(o *host.Options) { o.MaxCalls = 2; o.CallTimeout = 2 * time.Second })
		var hanging sync.WaitGroup
		defer hanging.Wait()
		for range 2 {
			hanging.Go(func() { _, _ = h.Encode(t.Context(), name, "hang") })
		}
		testkit.Eventually(t, patience, "both calls are in flight", func() bool {
			s, err := h.Get(name)
			return err == nil && s.InFlight == 2
		})
		if _, err := h.Encode(t.Context(), name, nil); !errors.Is(err, contract.ErrBusy) {
			t.Errorf("the third call says %v", err)
		}
	})
}

func TestKillEndsEverythingAndStartBringsItBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, dir := serve(t, name)
		old := await(t, h, name, contract.Ready)
		socket, err := h.Encode(t.Context(), name, "socket")
		if err != nil {
			t.Fatal(err)
		}
		s, err := h.Kill(t.Context(), name)
		if err != nil || s.State != contract.Stopped || s.PID != 0 || alive(old.PID) {
			t.Errorf("the kill: %+v, %v; process alive: %t", s, err, alive(old.PID))
		}
		if _, err := os.Stat(socket.(string)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket's directory: %v", err)
		}
		_, err = h.Encode(t.Context(), name, nil)
		if e, ok := errors.AsType[*contract.UnavailableError](err); !ok || e.State != contract.Stopped || e.RetryAfter <= 0 {
			t.Errorf("the call says %v", err)
		}
		if s, err := h.Kill(t.Context(), name); err != nil || s.State != contract.Stopped {
			t.Errorf("the second kill: %+v, %v", s, err)
		}
		if s, err := h.Start(t.Context(), name); err != nil || s.State != contract.Ready {
			t.Errorf("the start: %+v, %v", s, err)
		}
		if _, err := h.Kill(t.Context(), name); err != nil {
			t.Error(err)
		}
		install(t, binary(t, "2"), dir, name)
		await(t, h, name, contract.Ready)
	})
}

func TestRemovedFileIsForgottenUntilItIsBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		registry := prometheus.NewRegistry()
		h, dir := serve(t, name, func(o *host.Options) { o.Metrics = registry })
		old := await(t, h, name, contract.Ready)
		if !hasSeries(t, registry, name) {
			t.Error("there are no metrics of the plugin")
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, patience, "it is forgotten", func() bool {
			_, err := h.Get(name)
			return errors.Is(err, contract.ErrNotFound)
		})
		if alive(old.PID) || hasSeries(t, registry, name) {
			t.Errorf("alive: %t, in the metrics: %t", alive(old.PID), hasSeries(t, registry, name))
		}
		install(t, binary(t, "1"), dir, name)
		await(t, h, name, contract.Ready)
	})
}

func hasSeries(t *testing.T, g prometheus.Gatherer, name string) bool {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetValue() == name {
					return true
				}
			}
		}
	}
	return false
}

func TestDelete(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		h, dir := serve(t, name)
		other := open(t, dir)
		await(t, other, name, contract.Ready)
		if err := h.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file: %v", err)
		}
		if _, err := h.Get(name); !errors.Is(err, contract.ErrNotFound) {
			t.Errorf("the plugin: %v", err)
		}
		testkit.Eventually(t, patience, "the other host sees it", func() bool {
			_, err := other.Get(name)
			return errors.Is(err, contract.ErrNotFound)
		})
		install(t, binary(t, "1"), dir, name)
		await(t, h, name, contract.Ready)
		await(t, other, name, contract.Ready)
	})
}

func TestStillbornPluginFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	install(t, binary(t, "1"), dir, "protocol-grpc-stillborn")
	h := open(t, dir)
	s := await(t, h, "stillborn", contract.Backoff)
	if !strings.Contains(s.Error, "exit status 7") {
		t.Errorf("the status is %+v", s)
	}
	if _, err := h.Start(t.Context(), "stillborn"); !errors.Is(err, contract.ErrBroken) {
		t.Errorf("the start says %v", err)
	}
	if s, err := h.Kill(t.Context(), "stillborn"); err != nil || s.State != contract.Stopped {
		t.Errorf("the kill: %+v, %v", s, err)
	}
}

func TestFileThatIsNoProgramFailsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, []byte("no program"), dir, "protocol-rpc-text")
	h := open(t, dir)
	if s := await(t, h, "text", contract.Failed); s.Error == "" || s.Restarts != 0 {
		t.Errorf("the status is %+v", s)
	}
	install(t, binary(t, "1"), dir, "protocol-rpc-text")
	await(t, h, "text", contract.Ready)
}

// The list of what may run is kept by others than the plugins, and may come after them.
func TestChecksumsMayComeLater(t *testing.T) {
	t.Parallel()
	const name = "protocol-rpc-listed"
	file := binary(t, "1")
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir, lists := t.TempDir(), t.TempDir()
	write(t, nil, lists, "sums")
	install(t, file, dir, name)
	h := open(t, dir, func(o *host.Options) { o.Checksums = filepath.Join(lists, "sums") })
	await(t, h, name, contract.Failed)
	write(t, fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(program), name), lists, "sums")
	await(t, h, name, contract.Ready)
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	if _, err := host.Open(host.Options{Dir: filepath.Join(t.TempDir(), "absent")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the directory: %v", err)
	}
	registry := prometheus.NewRegistry()
	dir := t.TempDir()
	open(t, dir, func(o *host.Options) { o.Metrics = registry })
	if _, err := host.Open(host.Options{Dir: dir, StageDir: t.TempDir(), Metrics: registry}); err == nil {
		t.Error("two hosts share a registry")
	}
}
