package proc_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/plugin/internal/proc"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// victim builds the program that misbehaves, without the race detector, which maps more than any limit of memory.
func victim(t *testing.T) string {
	return testkit.Build(t, "shared/plugin/internal/proc/testdata/victim", "-trimpath")
}

// child is a process whose output is read.
type child struct {
	*proc.Process
	lines chan string
	said  chan []string // all lines, at the end of the output
}

func start(t *testing.T, mode string, l proc.Limits, env ...string) child {
	t.Helper()
	return startIn(t, "", mode, l, env...)
}

func startIn(t *testing.T, cgroup, mode string, l proc.Limits, env ...string) child {
	t.Helper()
	p, err := proc.Start(proc.Spec{
		Path: victim(t), Name: "victim", Env: append(env, "MODE="+mode), Dir: t.TempDir(), Limits: l, Cgroup: cgroup,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := child{Process: p, lines: make(chan string, 4096), said: make(chan []string, 2)}
	for _, stream := range []io.Reader{p.Stdout, p.Stderr} {
		go c.read(stream)
	}
	t.Cleanup(func() {
		p.Kill()
		wait(t, "the end of "+mode, p.Gone())
		<-c.said
		<-c.said
		p.Release()
	})
	return c
}

func (c child) read(stream io.Reader) {
	var all []string
	for s := bufio.NewScanner(stream); s.Scan(); {
		all = append(all, s.Text())
		c.lines <- s.Text()
	}
	c.said <- all
}

// output is all that the process printed, once it has ended.
func (c child) output(t *testing.T) []string {
	t.Helper()
	wait(t, "the end of the process", c.Gone())
	all := append(<-c.said, <-c.said...)
	c.said <- nil
	c.said <- nil
	return all
}

// line waits for a line that begins with prefix and returns the rest of it.
func (c child) line(t *testing.T, prefix string) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line := <-c.lines:
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(rest)
			}
		case <-deadline:
			t.Fatalf("no line %q", prefix)
		}
	}
}

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("still waiting for %s", what)
	}
}

// absent tells whether there is no process of the number, not even a zombie.
func absent(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func numbers(t *testing.T, text string) []int {
	t.Helper()
	var all []int
	for _, word := range strings.Fields(text) {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

func TestExitIsNoticedAndTold(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode, want string
		kill       bool
	}{
		{mode: "exit", want: "exit status 3"},
		{mode: "crash", want: "exit status 2"},
		{mode: "hang", want: "signal: killed", kill: true},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			t.Parallel()
			c := start(t, tc.mode, proc.Limits{})
			if tc.kill {
				c.line(t, "ready")
				if got := c.Exit(); got != "" {
					t.Errorf("Exit is %q while the process runs", got)
				}
				if c.Memory() == 0 {
					t.Error("a process that runs has no memory")
				}
				c.Kill()
			}
			wait(t, "the exit", c.Exited())
			if got := c.Exit(); got != tc.want {
				t.Errorf("Exit is %q, want %q", got, tc.want)
			}
			if got := c.Memory(); got != 0 {
				t.Errorf("a process that is gone has %d bytes of memory", got)
			}
			wait(t, "the end", c.Gone())
			c.Kill() // again, to no effect
		})
	}
}

func TestStartSaysWhatIsWrongWithTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tc := range []struct {
		name    string
		content string
		mode    os.FileMode
		want    string
	}{
		{"text", "hello", 0o755, "build it for linux/" + runtime.GOARCH},
		{"plain", "hello", 0o644, "make it executable"},
		{"loader", "#!/no/such/loader\n", 0o755, "CGO_ENABLED=0"},
	} {
		path := filepath.Join(dir, tc.name)
		if err := os.WriteFile(path, []byte(tc.content), tc.mode); err != nil {
			t.Fatal(err)
		}
		_, err := proc.Start(proc.Spec{Path: path, Name: tc.name, Dir: dir})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error that says %q", tc.name, err, tc.want)
		}
	}
}

// A process that ends on its own and one that is killed take the same family with them: a child in the group, one in a
// session of its own, and an orphan there.
func TestDescendantsEndWithTheProcess(t *testing.T) {
	t.Parallel()
	for _, leave := range []bool{true, false} {
		t.Run(fmt.Sprintf("leave=%v", leave), func(t *testing.T) {
			t.Parallel()
			env := []string{}
			if leave {
				env = append(env, "LEAVE=yes")
			}
			c := start(t, "family", proc.Limits{}, env...)
			orphan := c.line(t, "orphan")
			all := append(numbers(t, orphan), numbers(t, c.line(t, "family"))...)
			if len(all) != 3 {
				t.Fatalf("the family is %v", all)
			}
			if !leave {
				for _, pid := range all {
					if absent(pid) {
						t.Errorf("process %d is gone before the plugin is", pid)
					}
				}
				c.Kill()
			}
			wait(t, "the end", c.Gone())
			if err := c.Left(); err != nil {
				t.Error(err)
			}
			for _, pid := range append(all, c.PID()) {
				if !absent(pid) {
					t.Errorf("process %d is left, perhaps as a zombie", pid)
				}
			}
		})
	}
}

// Where locks are limited, a limit of them is no mark that can be told from others.
func TestDescendantsEndWhereLocksAreLimited(t *testing.T) {
	t.Parallel()
	host := exec.CommandContext(t.Context(),
		testkit.Build(t, "shared/plugin/internal/proc/testdata/limited", "-trimpath"), victim(t))
	said, err := host.Output()
	var all []int
	for line := range strings.Lines(string(said)) {
		_, pids, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, numbers(t, pids)...)
	}
	if err != nil || len(all) != 3 {
		t.Errorf("the host ended with %v, the family is %v:\n%s", err, all, said)
	}
	for _, pid := range all {
		if !dead(pid) {
			t.Errorf("process %d is left", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// The descendants hold the pipes of the process, which must not keep its exit from being noticed.
func TestExitIsNoticedWhileOthersHoldThePipes(t *testing.T) {
	t.Parallel()
	c := start(t, "family", proc.Limits{}, "LEAVE=yes")
	c.line(t, "family")
	wait(t, "the exit", c.Exited())
}

func TestForkBombIsContained(t *testing.T) {
	t.Parallel()
	c := start(t, "bomb", proc.Limits{})
	for range 100 {
		c.line(t, "armed")
	}
	begin := time.Now()
	c.Kill()
	wait(t, "the end", c.Gone())
	if err := c.Left(); err != nil {
		t.Error(err)
	}
	t.Logf("gone after %s", time.Since(begin))
}

// Grandchildren whose parent has ended come to this process. They are waited for while the process still runs.
func TestOrphansBecomeNoZombies(t *testing.T) {
	t.Parallel()
	c := start(t, "zombies", proc.Limits{})
	for range 3 {
		orphan := numbers(t, c.line(t, "orphan"))[0]
		testkit.Eventually(t, 10*time.Second, "the end of a zombie", func() bool { return absent(orphan) })
	}
	if c.Exit() != "" {
		t.Error("the process has ended before its orphans")
	}
}

// groups makes a control group for the test's own, or skips the test: not every machine lets even root have one.
func groups(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if mount, kind, _ := strings.Cut(line, " - "); strings.HasPrefix(kind, "cgroup2 ") {
			//nolint:usetesting // A control group is no ordinary directory.
			parent, err := os.MkdirTemp(strings.Fields(mount)[4], "podinfo-test-")
			if err == nil {
				t.Cleanup(func() {
					if err := syscall.Rmdir(parent); err != nil {
						t.Errorf("left in the control group: %v", err)
					}
				})
				return parent
			}
		}
	}
	t.Skipf("SKIPPED %s: needs a writable control group of version 2", t.Name())
	return ""
}

func TestControlGroupHoldsTheProcess(t *testing.T) {
	t.Parallel()
	parent := groups(t)
	c := startIn(t, parent, "family", proc.Limits{MemoryBytes: 64 << 20, CPUs: 0.5, Processes: 50})
	c.line(t, "family")
	all, err := filepath.Glob(filepath.Join(parent, "plugin-*"))
	if err != nil || len(all) != 1 {
		t.Fatalf("the groups are %q", all)
	}
	members, err := os.ReadFile(filepath.Join(all[0], "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(strings.Fields(string(members))); got != 4 {
		t.Errorf("%d processes are in the group, want the four of the family", got)
	}
	controllers, err := os.ReadFile(filepath.Join(all[0], "cgroup.controllers"))
	if err != nil {
		t.Fatal(err)
	}
	for controller, want := range map[string][2]string{
		"memory": {"memory.max", "67108864"}, "cpu": {"cpu.max", "50000 100000"}, "pids": {"pids.max", "50"},
	} {
		if !slices.Contains(strings.Fields(string(controllers)), controller) {
			t.Logf("no controller of %s here", controller)
			continue
		}
		got, err := os.ReadFile(filepath.Join(all[0], want[0]))
		if err != nil || strings.TrimSpace(string(got)) != want[1] {
			t.Errorf("%s is %q, %v, want %s", want[0], got, err, want[1])
		}
	}
	c.Kill()
	wait(t, "the end", c.Gone())
	if _, err := os.Stat(all[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group is still there: %v", err)
	}
}

// What has privileges can take off its mark, but does not leave its control group.
func TestControlGroupEndsWhatHasNoMark(t *testing.T) {
	t.Parallel()
	parent := groups(t)
	cmd := exec.Command(victim(t))
	cmd.Env = []string{"MODE=hang"}
	if err := proc.StartAndSweep(parent, cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process ended with %v, want that it was killed", err)
	}
}

func TestProcessStartsWithoutTheControlGroupThatItCannotHave(t *testing.T) {
	t.Parallel()
	// A directory, but of no control group: the kernel refuses to start a process in it.
	c := startIn(t, t.TempDir(), "exit", proc.Limits{})
	wait(t, "the exit", c.Exited())
	if got := c.Exit(); got != "exit status 3" {
		t.Errorf("Exit is %q", got)
	}
}

// A command that someone else in this process runs must keep its exit for whoever waits for it.
func TestExitsOfOtherCommandsAreNotStolen(t *testing.T) {
	t.Parallel()
	path := victim(t)
	done := make(chan error, 1)
	go func() {
		for range 50 {
			cmd := exec.Command(path)
			cmd.Env = []string{"MODE=exit"}
			if err := cmd.Run(); err == nil || err.Error() != "exit status 3" {
				done <- fmt.Errorf("want exit status 3 of a command: %w", err)
				return
			}
		}
		done <- nil
	}()
	for range 10 {
		c := start(t, "family", proc.Limits{}, "LEAVE=yes")
		wait(t, "the end", c.Gone())
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestProcessIsGivenItsOwnThingsOnly(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	inherited, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0) // as if from our own parent, without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	dir := t.TempDir()
	p, err := proc.Start(proc.Spec{
		Path: victim(t), Name: "protocol-rpc-x", Env: []string{"MODE=tell", "GIVEN=this"}, Dir: dir,
		Limits: proc.Limits{MemoryBytes: 100 << 20, CPUs: 0.5, MaxFiles: 77, FileBytes: 1 << 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	content, err := io.ReadAll(p.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "the end", p.Gone())
	all := strings.Split(string(content), "\n")
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	score, err := strconv.Atoi(strings.TrimSpace(string(own)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"env GIVEN=this", "env GOMEMLIMIT=94371840", "env GOMAXPROCS=1", "dir " + dir, "name protocol-rpc-x",
		"stdin 0 <nil>", "leader true", "umask 63", "fd 0 /dev/null",
		"limit Max core file size 0 0 bytes",
		"limit Max data size 205520896 205520896 bytes",
		"limit Max open files 77 77 files",
		"limit Max file size 1048576 1048576 bytes",
		"status NoNewPrivs: 1",
		fmt.Sprintf("oom %d", min(score+500, 1000)),
		"procs 1",
	} {
		if !slices.Contains(all, want) {
			t.Errorf("missing %q in\n%s", want, content)
		}
	}
	var env, fds []string
	for _, line := range all {
		switch {
		case strings.HasPrefix(line, "env "):
			env = append(env, line)
		case strings.HasPrefix(line, "fd ") && !opensItself(line):
			fds = append(fds, line)
		}
	}
	if len(env) != 4 {
		t.Errorf("the environment is %q, want four variables", env)
	}
	if len(fds) != 4 || !strings.HasPrefix(fds[3], "fd 3 pipe:") {
		t.Errorf("the descriptors are %q, want the standard ones and 3", fds)
	}
}

// opensItself tells whether a Go program has the descriptor without being given it: its poller, the files of its
// control group, and the directory that it reads, which is closed by the time that it looks at it.
func opensItself(line string) bool {
	for _, known := range []string{" anon_inode:", " /proc/", " /sys/fs/cgroup/"} {
		if strings.Contains(line, known) {
			return true
		}
	}
	return strings.HasSuffix(line, " ")
}

// Processes that are started at the same time must not inherit each other's pipes: one that outlives the other's
// reader would keep it from noticing our end.
func TestLifePipesAreNotShared(t *testing.T) {
	t.Parallel()
	children := make(chan child, 16)
	for range cap(children) {
		go func() { children <- start(t, "hang", proc.Limits{}) }()
	}
	owners := map[string]int{}
	for range cap(children) {
		c := <-children
		c.line(t, "ready")
		dir := fmt.Sprintf("/proc/%d/fd", c.PID())
		fds, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			target, err := os.Readlink(filepath.Join(dir, fd.Name()))
			if err == nil && strings.HasPrefix(target, "pipe:") {
				owners[target]++
			}
		}
	}
	for pipe, n := range owners {
		if n != 1 {
			t.Errorf("%s is open in %d processes", pipe, n)
		}
	}
	if len(owners) != 3*cap(children) {
		t.Errorf("%d pipes are open, want three of each process", len(owners))
	}
}

// When this process is killed, one that looks at its life pipe goes by itself, and one that does not is killed by the
// kernel.
func TestProcessesEndWithTheirHost(t *testing.T) {
	t.Parallel()
	host := exec.Command(testkit.Build(t, "shared/plugin/internal/proc/testdata/host", "-trimpath"), victim(t),
		"obedient", "hang")
	stdout, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for s := bufio.NewScanner(stdout); len(pids) < 2 && s.Scan(); {
		pids = append(pids, numbers(t, s.Text())...)
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	// A busy machine cannot be held to the second that this should take at most.
	testkit.Eventually(t, 10*time.Second, "the end of the processes of a host that was killed", func() bool {
		return len(pids) == 2 && dead(pids[0]) && dead(pids[1])
	})
	t.Logf("gone after %s", time.Since(begin))
	_ = host.Wait()
}

// dead tells whether the process runs no more; who reaps it is not ours to say.
func dead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

func TestLimitsHold(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode   string
		limits proc.Limits
		want   string
	}{
		{"eat", proc.Limits{MemoryBytes: 64 << 20}, "fatal error: "},
		{"files", proc.Limits{MaxFiles: 20}, "too many open files"},
		{"write", proc.Limits{FileBytes: 1 << 20}, "wrote 1048576"},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			t.Parallel()
			c := start(t, tc.mode, tc.limits)
			said := strings.Join(c.output(t), "\n")
			if !strings.Contains(said, tc.want) {
				t.Errorf("the process said %.500q, want %q", said, tc.want)
			}
		})
	}
}
