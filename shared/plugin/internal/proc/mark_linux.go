package proc

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// rlimitLocks is a limit that the kernel has not looked at since Linux 2.4.25 (getrlimit(2), RLIMIT_LOCKS), but still
// keeps, hands on from parent to child, and never raises again for a process without privileges. RLIMIT_RSS is the
// other one of this kind, since Linux 2.4.30.
const rlimitLocks = 10

// A mark is a number that a process and all its descendants carry as their limit of locks, or as that of resident
// memory where locks are limited already. It tells a plugin's descendants from everyone else's, whatever they did to
// hide: setsid leaves the process group, and a parent that ends leaves no link from child to plugin. Control groups
// would do the same, but a container is seldom given one.
//
// Where a process cannot be traced, what it forks in the moment between its start and its mark has none. Where both are
// limited, none has.
type mark struct {
	limit  int
	number uint64
}

// newMark returns a mark that no other process has, by chance rather than by count: several hosts may run on a machine.
func newMark() mark {
	m := mark{rlimitLocks, 1<<40 + rand.Uint64N(1<<60)} //nolint:gosec // It guards nothing, it tells apart.
	var own unix.Rlimit
	if unix.Prlimit(0, rlimitLocks, nil, &own) == nil && own.Max < m.number {
		m.limit = unix.RLIMIT_RSS
	}
	return m
}

func (m mark) put(pid int) { limit(pid, m.limit, m.number) }

// on tells whether the process carries the mark.
func (m mark) on(pid int) bool {
	var l unix.Rlimit
	return unix.Prlimit(pid, m.limit, nil, &l) == nil && l.Max == m.number
}

// sweep kills and reaps the processes with the mark until there is none, or the deadline has passed.
func (m mark) sweep(deadline time.Time) error {
	pause := time.Millisecond
	for {
		found, err := m.find()
		if err != nil || len(found) == 0 {
			return err
		}
		for _, pid := range found {
			m.kill(pid)
			// An orphan has come to us; whose parent still ends will. No one else waits for either, as only the
			// kernel made them our children.
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes that the plugin left, such as %d, did not end within %s of being killed",
				len(found), found[0], sweep)
		}
		<-time.After(pause)
		pause = min(2*pause, 20*time.Millisecond)
	}
}

// reap waits for those with the mark that came to this process as orphans and have ended, but not for the one that it
// started itself.
func (m mark) reap(own int) {
	found, err := m.find()
	if err != nil {
		return
	}
	for _, pid := range found {
		if pid != own {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // of no effect on others
		}
	}
}

// find returns the processes that carry the mark.
func (m mark) find() ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var found []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && m.on(pid) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// kill ends the process if it is still the one with the mark: its number may have passed to another.
func (m mark) kill(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if m.on(pid) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}
