package faults

import (
	"bytes"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// memoryFiles names, for each version of control groups, where the memory groups are mounted and which of their files
// hold the limit and the use in bytes. See https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files.
var memoryFiles = [...]struct{ controller, mount, limit, usage string }{
	{controller: "", mount: "sys/fs/cgroup", limit: "memory.max", usage: "memory.current"},
	{
		controller: "memory", mount: "sys/fs/cgroup/memory",
		limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes",
	},
}

// freeMemory returns how many bytes of memory this process can still take: the least of what the system has available
// and what the limits on the process's control group leave. What cannot be read does not limit.
func freeMemory(root fs.FS) uint64 {
	free := available(root)
	for _, files := range memoryFiles {
		// A container sees its own group as the root of the mount, whatever path it is told; others see all groups.
		own := path.Join(files.mount, groupPath(root, files.controller))
		for _, dir := range []string{own, files.mount} {
			limit, ok := readNumber(root, path.Join(dir, files.limit))
			if !ok {
				continue
			}
			usage, _ := readNumber(root, path.Join(dir, files.usage))
			free = min(free, limit-min(limit, usage))
		}
	}
	return free
}

// available returns MemAvailable of /proc/meminfo in bytes.
func available(root fs.FS) uint64 {
	content, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return math.MaxUint64
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line) // MemAvailable:   1234 kB
		if len(fields) < 2 || fields[0] != "MemAvailable:" {
			continue
		}
		if kib, err := strconv.ParseUint(fields[1], 10, 54); err == nil {
			return kib << 10
		}
	}
	return math.MaxUint64
}

// groupPath returns the path of this process's group below the mount of controller, or "" when there is none.
func groupPath(root fs.FS, controller string) string {
	content, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(content)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // 4:memory:/path, or 0::/path
		if len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), controller) {
			return fields[2]
		}
	}
	return ""
}

// readNumber returns the number in a file, and false when there is no such file or it holds no number, as a limit that
// reads "max" does.
func readNumber(root fs.FS, name string) (uint64, bool) {
	content, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(content)), 10, 64)
	return n, err == nil
}
