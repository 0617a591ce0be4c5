package proc

import (
	"fmt"
	"maps"
	"testing"
)

func TestFindGroup(t *testing.T) {
	t.Parallel()
	const (
		unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 none rw\n"
		hybrid  = "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup none rw,memory\n" +
			"30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n"
		bound = "30 23 0:26 /system.slice /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
	)
	for _, tc := range []struct{ name, groups, mounts, want string }{
		{"systemd", "0::/system.slice/podinfo.service/main\n", unified,
			"/sys/fs/cgroup/system.slice/podinfo.service/main"},
		{"hybrid", "9:memory:/x\n0::/a/b\n", hybrid, "/sys/fs/cgroup/unified/a/b"},
		{"part of the tree", "0::/system.slice/podinfo.service/main\n", bound, "/sys/fs/cgroup/podinfo.service/main"},
		{"root, which has no parent", "0::/\n", unified, ""},
		{"root of what is mounted", "0::/system.slice\n", bound, ""},
		{"outside of what is mounted", "0::/user.slice/x\n", bound, ""},
		{"outside of a namespace", "0::/../x\n", unified, ""},
		{"version 1 only", "9:memory:/x\n", hybrid, ""},
		{"not mounted", "0::/a/b\n", "", ""},
	} {
		got, err := findGroup([]byte(tc.groups), []byte(tc.mounts))
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: got %q, %v, want %q", tc.name, got, err, tc.want)
		}
	}
}

func TestLimitsAsFiles(t *testing.T) {
	t.Parallel()
	got := Limits{MemoryBytes: 1 << 20, CPUs: 1.5, Processes: 7, MaxFiles: 9}.files()
	want := map[string]string{
		"memory.max": "1048576", "memory.swap.max": "0", "memory.oom.group": "1", "cpu.max": "150000 100000", "pids.max": "7",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if none := (Limits{}).files(); len(none) > 0 {
		t.Errorf("no limits are %v", none)
	}
}

func TestLimitsAsEnvironment(t *testing.T) {
	t.Parallel()
	for l, want := range map[Limits]string{
		{}: "[]", {CPUs: 0.1}: "[GOMAXPROCS=1]", {CPUs: 2.5}: "[GOMAXPROCS=3]", {MemoryBytes: 1000}: "[GOMEMLIMIT=900]",
	} {
		if got := fmt.Sprint(l.environ()); got != want {
			t.Errorf("%+v is %s, want %s", l, got, want)
		}
	}
}
