package stage

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// endOrphans kills the processes that run from the directory name in base, whose owner was killed. The plugins
// themselves ended with it, but what they had started may not have. If name is a link nothing runs from there, wherever
// it leads.
func endOrphans(base, name string) {
	base, err := filepath.EvalSymlinks(base)
	if err != nil {
		return
	}
	dir := filepath.Join(base, name)
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return
	}
	for _, link := range links {
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil && runsFrom(link, dir) {
			endOrphan(pid, link, dir)
		}
	}
}

// runsFrom tells whether a link of /proc is to a program below dir.
func runsFrom(link, dir string) bool {
	program, err := os.Readlink(link)
	return err == nil && strings.HasPrefix(program, dir+string(filepath.Separator))
}

// endOrphan kills the process if it is still the one that was found: its number may have passed to another.
func endOrphan(pid int, link, dir string) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }() // It was only a way to the process.
	if runsFrom(link, dir) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // What may not be killed stays.
	}
}
