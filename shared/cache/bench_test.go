package cache_test

import (
	"bytes"
	"context"
	"sync"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// BenchmarkGet reads a value of 1 KiB, as a request does. Beside the wall time, of which the server and the way there
// take the most, it reports the CPU time that this process spends on a call.
func BenchmarkGet(b *testing.B) {
	for name, start := range map[string]func(b *testing.B) string{
		"memory": func(*testing.B) string { return "memory://" },
		"redis":  func(b *testing.B) string { return "tcp://" + testkit.StartRedis(b).Addr },
	} {
		b.Run(name, func(b *testing.B) {
			c := open(b, start(b))
			if err := c.Set(b.Context(), "k", bytes.Repeat([]byte("v"), 1<<10), 0); err != nil {
				b.Fatal(err)
			}
			b.Run("one caller", func(b *testing.B) { measureGet(b, c, 1) })
			b.Run("16 callers", func(b *testing.B) { measureGet(b, c, 16) })
		})
	}
}

func measureGet(b *testing.B, c cache.Cache, callers int) {
	ctx, cancel := context.WithCancel(b.Context()) // as that of a request can be canceled
	defer cancel()
	b.ReportAllocs()
	before := cpuTime(b)
	calls := make(chan struct{})
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			for range calls {
				if _, err := c.Get(ctx, "k"); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for b.Loop() {
		calls <- struct{}{}
	}
	close(calls)
	done.Wait()
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime returns the nanoseconds of CPU time that this process has used.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
