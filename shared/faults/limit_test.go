package faults

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestFreeMemory(t *testing.T) {
	t.Parallel()
	const meminfo = "MemTotal:        2000 kB\nMemFree:          100 kB\nMemAvailable:    1000 kB\n"
	tests := []struct {
		name  string
		files map[string]string
		want  uint64
	}{
		{name: "nothing to read", want: math.MaxUint64},
		{name: "no limit", files: map[string]string{"proc/meminfo": meminfo}, want: 1000 << 10},
		{
			name:  "available memory that makes no sense",
			files: map[string]string{"proc/meminfo": "MemAvailable: lots kB\nMemAvailable:\n"},
			want:  math.MaxUint64,
		},
		{
			name: "container, version 2",
			files: map[string]string{
				"proc/meminfo":                 meminfo,
				"proc/self/cgroup":             "0::/\n",
				"sys/fs/cgroup/memory.max":     "500000\n",
				"sys/fs/cgroup/memory.current": "200000\n",
			},
			want: 300_000,
		},
		{
			name: "container without a limit, version 2",
			files: map[string]string{
				"proc/meminfo":                 meminfo,
				"sys/fs/cgroup/memory.max":     "max\n",
				"sys/fs/cgroup/memory.current": "200000\n",
			},
			want: 1000 << 10,
		},
		{
			name: "service, version 2",
			files: map[string]string{
				"proc/self/cgroup": "0::/system.slice/podinfo\n",
				"sys/fs/cgroup/system.slice/podinfo/memory.max": "400000\n",
			},
			want: 400_000,
		},
		{
			name: "container, version 1, told the host's path",
			files: map[string]string{
				"proc/self/cgroup":                           "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "300000\n",
				"sys/fs/cgroup/memory/memory.usage_in_bytes": "100000\n",
			},
			want: 200_000,
		},
		{
			name: "group, version 1",
			files: map[string]string{
				"proc/self/cgroup":                                "4:hugetlb,memory:/mine\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes":      "9223372036854771712\n",
				"sys/fs/cgroup/memory/mine/memory.limit_in_bytes": "300000\n",
				"sys/fs/cgroup/memory/mine/memory.usage_in_bytes": "299000\n",
			},
			want: 1000,
		},
		{
			name: "over the limit",
			files: map[string]string{
				"sys/fs/cgroup/memory.max":     "100\n",
				"sys/fs/cgroup/memory.current": "200\n",
			},
			want: 0,
		},
		{
			name: "group outside of what can be seen",
			files: map[string]string{
				"proc/self/cgroup":         "0::/../../../../../elsewhere\n",
				"sys/fs/cgroup/memory.max": "700\n",
			},
			want: 700,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for name, content := range tt.files {
				root[name] = &fstest.MapFile{Data: []byte(content)}
			}
			if got := freeMemory(root); got != tt.want {
				t.Errorf("freeMemory() = %d, want %d", got, tt.want)
			}
		})
	}
}
