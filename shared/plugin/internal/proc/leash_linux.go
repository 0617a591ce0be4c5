package proc

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leash is what a process cannot slip: the mark, and a control group where there is one.
type leash struct {
	mark   mark
	group  *group
	traced bool // the process waits before its first instruction until it is limited and marked
}

func newLeash(parent string, l Limits) leash { return leash{newMark(), newGroup(parent, l), true} }

// attributes are those to start the process with.
func (l leash) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Ptrace: l.traced}
	if l.group != nil {
		a.UseCgroupFD, a.CgroupFD = true, l.group.fd
	}
	return a
}

// loosen gives up what may have kept the process from being started, and tells whether there was something.
func (l *leash) loosen() bool {
	had := l.traced
	if l.group != nil {
		l.group.remove(time.Now())
	}
	l.traced, l.group = false, nil
	return had
}

// watch reaps the orphans that end while the process lives, until exited is closed.
func (l leash) watch(pid int, exited <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-exited:
			return
		case <-tick.C:
			if zombies() {
				l.mark.reap(pid)
			}
		}
	}
}

// sweep ends what the process left, and returns when all of it is gone.
func (l leash) sweep(deadline time.Time) error {
	if l.group != nil {
		l.group.kill()
	}
	err := l.mark.sweep(deadline)
	if l.group != nil {
		l.group.remove(deadline)
	}
	return err
}

// zombies tells whether a child of this process, whoever started it, has ended and was not waited for. It waits for
// none.
func zombies() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}
