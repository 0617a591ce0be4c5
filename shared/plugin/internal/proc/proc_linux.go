package proc

import (
	"bytes"
	"errors"
	"math"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// likelier is added to this process's oom_score_adj for the process's, which is in thousandths of the memory: what it
// holds counts as if it were half of all memory more.
// https://docs.kernel.org/filesystems/proc.html#proc-pid-oom-adj-proc-pid-oom-score-adj
const likelier = 500

// prepareThread gives the calling thread what the process that it starts shall inherit, and makes this process the one
// to which orphans among its descendants come, who would otherwise go to the first process of the system and be no
// longer ours to wait for. Each is done as far as the system allows.
func prepareThread() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	// Go opens everything so that no child gets it. What this process was given by its own parent is not so.
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	// The umask is shared by all threads until one leaves them.
	if unix.Unshare(unix.CLONE_FS) == nil {
		unix.Umask(0o077)
	}
}

// constrain limits and marks the process before it runs, or shortly after when it is not traced. A platform that takes
// away a limit must not take away the plugin with it, so that each is set as far as the system allows.
func (l leash) constrain(pid int, limits Limits) {
	if l.traced {
		// The kernel stops it once it has executed its file. That is looked at but not taken, as is its end if it came
		// to that.
		_ = waitFor(pid, unix.WEXITED|unix.WSTOPPED)
		defer func() { _ = unix.PtraceDetach(pid) }() // fails for what has ended
	}
	l.mark.put(pid)
	limit(pid, unix.RLIMIT_CORE, 0) // a dump would hold what clients sent
	if limits.MemoryBytes > 0 {
		// Not RLIMIT_AS: Go reserves far more addresses than it uses.
		limit(pid, unix.RLIMIT_DATA, uint64(limits.MemoryBytes)+slack)
	}
	if limits.MaxFiles > 0 {
		limit(pid, unix.RLIMIT_NOFILE, uint64(limits.MaxFiles))
	}
	if limits.FileBytes > 0 {
		limit(pid, unix.RLIMIT_FSIZE, uint64(limits.FileBytes))
	}
	preferAsVictim(pid)
}

// limit lowers a limit of the process. It leaves alone what is lower already.
func limit(pid, resource int, value uint64) {
	var now unix.Rlimit
	if unix.Prlimit(pid, resource, nil, &now) != nil {
		return
	}
	value = min(value, now.Max)
	_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: value, Max: value}, nil)
}

func preferAsVictim(pid int) {
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return
	}
	score, err := strconv.Atoi(string(bytes.TrimSpace(own)))
	if err != nil {
		return
	}
	score = min(score+likelier, 1000)
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", strconv.AppendInt(nil, int64(score), 10), 0)
}

// finish waits for the end of the process, and ends what stayed in its group.
func finish(cmd *exec.Cmd) {
	_ = waitFor(cmd.Process.Pid, unix.WEXITED)
	// The number is the process's until it is waited for, so that the group can have no namesake yet.
	killGroup(cmd.Process.Pid)
	_ = cmd.Wait() // says no more than the state does
}

// waitFor returns once one of the events has come to the process, and leaves it to be waited for.
func waitFor(pid, events int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, events|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// resident reads the second field of /proc/<pid>/statm, in pages.
func resident(pid int) uint64 {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(content)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(max(0, os.Getpagesize()))
}
