package proc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// period is over which the time of a CPU is shared out, in microseconds.
const period = 100_000

// group is a control group of version 2 that holds one process and its descendants, and is ended as a whole.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
type group struct {
	dir string
	fd  int
}

// newGroup makes a group below parent, or none when parent is empty or allows none.
func newGroup(parent string, l Limits) *group {
	if parent == "" {
		return nil
	}
	// Each on its own: what is missing must not take the rest with it.
	for _, controller := range []string{"+memory", "+cpu", "+pids"} {
		_ = put(parent, "cgroup.subtree_control", controller)
	}
	dir, err := os.MkdirTemp(parent, "plugin-")
	if err != nil {
		return nil
	}
	g := &group{dir: dir}
	for file, value := range l.files() {
		_ = put(dir, file, value)
	}
	if g.fd, err = unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		_ = os.Remove(dir)
		return nil
	}
	return g
}

// files are the limits as the files of a group have them.
func (l Limits) files() map[string]string {
	files := map[string]string{}
	if l.MemoryBytes > 0 {
		files["memory.max"] = strconv.FormatInt(l.MemoryBytes, 10)
		files["memory.swap.max"] = "0"
		files["memory.oom.group"] = "1"
	}
	if l.CPUs > 0 {
		files["cpu.max"] = fmt.Sprintf("%d %d", int64(l.CPUs*period), period)
	}
	if l.Processes > 0 {
		files["pids.max"] = strconv.FormatInt(l.Processes, 10)
	}
	return files
}

// kill ends all of the group at once, so that none of it can run ahead by forking. Linux before 5.14 cannot.
func (g *group) kill() { _ = put(g.dir, "cgroup.kill", "1") }

// remove removes the group, in which the last process may be about to end.
func (g *group) remove(deadline time.Time) {
	_ = unix.Close(g.fd)
	for {
		err := unix.Rmdir(g.dir)
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return
		}
		<-time.After(time.Millisecond)
	}
}

func put(dir, file, value string) error {
	return os.WriteFile(filepath.Join(dir, file), []byte(value), 0)
}

// Delegated returns the directory of the control group in which this process may make more, or nothing.
//
// It is the parent of its own, as processes and groups cannot be in the same one: systemd makes it so by Delegate= and
// DelegateSubgroup=. To be able to write there is enough for an ordinary user; root can write everywhere, and may where
// systemd left its mark (https://systemd.io/CGROUP_DELEGATION).
func Delegated() string {
	own, err := ownGroup()
	if err != nil {
		return ""
	}
	parent := filepath.Dir(own)
	if unix.Access(filepath.Join(parent, "cgroup.procs"), unix.W_OK) != nil {
		return ""
	}
	if os.Geteuid() == 0 && !delegated(parent) {
		return ""
	}
	return parent
}

func delegated(dir string) bool {
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		value := make([]byte, 1)
		if n, err := unix.Getxattr(dir, name, value); err == nil && n == 1 && value[0] == '1' {
			return true
		}
	}
	return false
}

// ownGroup is the directory of this process's own group.
func ownGroup() (string, error) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	return findGroup(groups, mounts)
}

// findGroup reads the directory of a process's group from its files cgroup and mountinfo.
// https://man7.org/linux/man-pages/man7/cgroups.7.html https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
func findGroup(groups, mounts []byte) (string, error) {
	path := ""
	for line := range strings.Lines(string(groups)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			path = rest
		}
	}
	if !filepath.IsAbs(path) || filepath.Clean(path) != path { // or outside of the process's own namespace
		return "", errors.New("the process is in no control group of version 2")
	}
	for s := bufio.NewScanner(bytes.NewReader(mounts)); s.Scan(); {
		mount, kind, _ := strings.Cut(s.Text(), " - ")
		fields := strings.Fields(mount)
		if !strings.HasPrefix(kind, "cgroup2 ") || len(fields) < 5 {
			continue
		}
		below, err := filepath.Rel(fields[3], path)
		if err != nil || below == ".." || strings.HasPrefix(below, "../") || below == "." {
			continue // it is not seen through this mount, or has no parent there
		}
		return filepath.Join(fields[4], below), nil
	}
	return "", errors.New("no control groups of version 2 are mounted")
}
