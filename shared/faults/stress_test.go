package faults_test

import (
	"bytes"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/shared/faults"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestStressCPU is not parallel: it looks at the CPU time and the goroutines of the whole process.
func TestStressCPU(t *testing.T) {
	before := goleak.IgnoreCurrent()
	log, _ := test.NewNullLogger()
	start := cpuTime(t)
	stop := faults.StartStress(faults.StressOptions{CPU: 2}, log)
	testkit.Eventually(t, 30*time.Second, "the loops to burn half a second of CPU time", func() bool {
		return cpuTime(t)-start > 500*time.Millisecond
	})
	stop()
	goleak.VerifyNone(t, before)
	stop() // Must not panic.
}

// TestStressMemory is not parallel: it looks at the memory of the whole process.
func TestStressMemory(t *testing.T) {
	const held = 64_000_000
	log, logged := test.NewNullLogger()
	start := residentMemory(t)
	stop := faults.StartStress(faults.StressOptions{MemoryMB: held / 1_000_000}, log)
	testkit.Eventually(t, 30*time.Second, "64 MB to be resident", func() bool {
		return residentMemory(t)-start > held*9/10
	})
	full := residentMemory(t)
	stop()
	if given := full - residentMemory(t); given < held*8/10 {
		t.Errorf("after stop %d bytes are given back, want nearly %d", given, held)
	}
	for _, entry := range logged.AllEntries() {
		t.Errorf("memory that fits is logged about: %s", entry.Message)
	}
}

// TestStressStopsAtOnce stops before the memory can be filled.
func TestStressStopsAtOnce(t *testing.T) {
	t.Parallel()
	log, _ := test.NewNullLogger()
	stop := faults.StartStress(faults.StressOptions{CPU: 1, MemoryMB: 16}, log)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(stop)
	}
	callers.Wait()
}

func TestStressIsBounded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give faults.StressOptions
		want string // in the log; empty: nothing is logged
	}{
		{name: "nothing"},
		{name: "negative", give: faults.StressOptions{CPU: -1, MemoryMB: -1}},
		{
			name: "too many loops", give: faults.StressOptions{CPU: math.MaxInt},
			want: "asked=9223372036854775807 started=" + strconv.Itoa(4*runtime.GOMAXPROCS(0)),
		},
		{
			name: "more memory than there is", give: faults.StressOptions{MemoryMB: 1_000_000_000},
			want: "cannot hold 1000000000 MB of memory: ",
		},
		{
			name: "more memory than can be counted", give: faults.StressOptions{MemoryMB: math.MaxInt},
			want: "cannot hold 9223372036854775807 MB of memory: ",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var logged bytes.Buffer
			log := logrus.New()
			log.SetOutput(&logged)
			stop := faults.StartStress(tt.give, log)
			stop()
			if got := logged.String(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("log = %q, want %q in it", got, tt.want)
			}
		})
	}
}

// cpuTime returns the CPU time of this process.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// residentMemory returns the resident memory of this process in bytes.
func residentMemory(t *testing.T) int {
	t.Helper()
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skipf("SKIPPED %s: needs /proc/self/statm of Linux: %v", t.Name(), err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(content))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
