package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	module = "github.com/podinfo-targets/podinfo"

	// Bounds on the life of a process. They are generous, because tests share small machines and race-detecting
	// binaries are slow to come up; a healthy process needs a small part of them.
	buildTimeout = 10 * time.Minute
	stopTimeout  = 30 * time.Second

	// outputLimit bounds what is kept of each output stream of a process, in bytes.
	outputLimit = 16 << 20
)

// built remembers the binaries of this test process by package and flags, each behind a function that builds at most
// once. It is the one piece of process-wide state in the tests: the go command starts too slowly to ask it again for
// every server that a test starts.
var built sync.Map

// Build compiles the main package at pkg, a path relative to the module's root such as "targets/k8s", and returns the
// path of the binary. The flags go to go build. A package is built once per test process; when the test itself runs
// under the race detector the binary does too, unless flags are given. Tests of other modules get the same binary: it
// is made of the versions that this module's go.mod names, not of theirs.
//
// Binaries live in the user's cache directory, so that the next run finds them up to date.
func Build(t testing.TB, pkg string, flags ...string) string {
	t.Helper()
	if len(flags) == 0 && raceDetector {
		flags = []string{"-race"}
	}
	key := strings.Join(append([]string{pkg}, flags...), " ")
	once, _ := built.LoadOrStore(key, sync.OnceValues(func() (string, error) { return build(pkg, flags) }))
	binary, err := once.(func() (string, error))()
	if err != nil {
		t.Fatalf("building %s: %v", pkg, err)
	}
	return binary
}

func build(pkg string, flags []string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	name := path.Base(pkg) + strings.NewReplacer("/", "_", " ", "_").Replace(strings.Join(flags, ""))
	dir := filepath.Join(cache, "podinfo-test", path.Dir(pkg))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	binary := filepath.Join(dir, name)
	args := slices.Concat([]string{"build", "-o", binary}, flags, []string{module + "/" + pkg})
	cmd := exec.CommandContext(ctx, "go", args...)
	if cmd.Dir, err = root(ctx); err != nil {
		return "", err
	}
	if !raceDetector {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return binary, nil
}

// root returns the directory of this module.
func root(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f={{.Dir}}", module)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	dir, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
	}
	return strings.TrimSpace(string(dir)), nil
}

// lock keeps the test processes of several packages, which run side by side, from writing one binary at once.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", file, err), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back
}

// Process is a program that a test runs. The test owns it: what still runs at the end of the test gets SIGTERM, and
// SIGKILL with a test failure when that does not end it. Its output is kept and shown when the test fails.
type Process struct {
	// Where a podinfo listens, as StartPodinfo found out. URLs have no path and no final slash; what is off is "".
	URL, SecureURL, MetricsURL string
	GRPCAddr                   string // host:port

	cmd            *exec.Cmd
	stdout, stderr output
	exited         chan struct{}
}

// Exec starts the program at path with exactly these arguments and this environment, and returns without waiting
// for it to do anything.
func Exec(t testing.TB, path string, args, env []string) *Process {
	t.Helper()
	cmd := exec.Command(path, args...)
	p := &Process{cmd: cmd, exited: make(chan struct{})}
	p.cmd.Env = append([]string{}, env...) // never nil: that would pass the test's own environment on
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = time.Second // a grandchild that holds the pipes must not hold up the test
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // what it would say is read from ProcessState
	}()
	t.Cleanup(func() { p.end(t) })
	return p
}

// end is the last thing that happens to a process.
func (p *Process) end(t testing.TB) {
	_ = p.Signal(syscall.SIGTERM)
	if !p.within(stopTimeout) {
		_ = p.Signal(syscall.SIGKILL)
		<-p.exited
		t.Errorf("%s did not stop within %s of SIGTERM and was killed", p.cmd, stopTimeout)
	}
	if strings.Contains(p.Stderr(), "WARNING: DATA RACE") {
		t.Errorf("%s has a data race, see its stderr", p.cmd)
	}
	if t.Failed() {
		t.Logf("%s\nexit code %d\n--- stdout\n%s--- stderr\n%s", p.cmd, p.ExitCode(), p.Stdout(), p.Stderr())
	}
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stdout returns what the process has written to its standard output so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns what the process has written to its standard error so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Exited is closed once the process has ended and its output is complete.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends a signal. The error is os.ErrProcessDone when the process has ended.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Stop sends a signal, waits for the process to end and returns its exit code as Wait does.
func (p *Process) Stop(t testing.TB, sig os.Signal) int {
	t.Helper()
	if err := p.Signal(sig); err != nil {
		t.Fatalf("sending %s to %s: %v", sig, p.cmd, err)
	}
	return p.Wait(t, stopTimeout)
}

// Wait returns the exit code, -1 if a signal ended the process. It fails the test when the process runs on for
// longer than timeout.
func (p *Process) Wait(t testing.TB, timeout time.Duration) int {
	t.Helper()
	if !p.within(timeout) {
		t.Fatalf("%s still runs after %s", p.cmd, timeout)
	}
	return p.ExitCode()
}

// Signaled returns the signal that ended the process, or -1 when it left by itself or still runs.
func (p *Process) Signaled() syscall.Signal {
	if !p.within(0) {
		return -1
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return -1
}

// ExitCode returns the exit code of a process that has ended, see Exited; -1 if a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

func (p *Process) within(timeout time.Duration) bool {
	select {
	case <-p.exited:
		return true
	default:
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// output keeps what a process writes, for readers that look on while it writes.
type output struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := outputLimit - o.kept.Len(); room > 0 {
		o.kept.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}
