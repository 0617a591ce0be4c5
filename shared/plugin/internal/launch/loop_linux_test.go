package launch_test

import (
	"context"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/shared/plugin/internal/launch"
)

// held is what a leak would show in.
type held struct {
	goroutines, descriptors, threads, children int
	heap                                       uint64
}

func measure(t *testing.T) held {
	t.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h := held{goroutines: runtime.NumGoroutine(), heap: m.HeapAlloc}
	for dir, n := range map[string]*int{"/proc/self/fd": &h.descriptors, "/proc/self/task": &h.threads} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		*n = len(entries)
	}
	// A look at the children without waiting for any: none is ours to have, dead or alive.
	if err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err == nil {
		h.children = 1
	}
	return h
}

// Not parallel: what the process holds is counted.
func TestFiveHundredLivesLeaveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	for _, transport := range transports() {
		t.Run(string(transport), func(t *testing.T) {
			o, _ := options(t)
			b := binary(t, transport, "echo")
			for range 20 {
				live(t, o, b, false)
			}
			before := measure(t)
			var starts, kills []time.Duration
			for n := range 250 {
				start, kill := live(t, o, b, n%2 == 1)
				starts, kills = append(starts, start), append(kills, kill)
			}
			most := before.heap + 1<<20 // 4 KiB for each
			// go-plugin's broker lets some goroutines go after five seconds.
			deadline := time.Now().Add(15 * time.Second)
			after := measure(t)
			for (after.goroutines > before.goroutines || after.heap > most) && time.Now().Before(deadline) {
				<-time.After(50 * time.Millisecond)
				after = measure(t)
			}
			t.Logf("start %s, kill %s; before %+v, after %+v", spread(starts), spread(kills), before, after)
			if after.goroutines > before.goroutines || after.descriptors > before.descriptors || after.children > 0 {
				t.Errorf("held before %+v, after %+v", before, after)
			}
			if after.threads > before.threads+8 {
				t.Errorf("%d threads before, %d after", before.threads, after.threads)
			}
			if after.heap > most {
				t.Errorf("%d bytes of heap before, %d after", before.heap, after.heap)
			}
			empty(t, o.Dir)
		})
	}
}

// live starts the plugin and ends it, the hard way or as it should be, and returns how long each took.
func live(t *testing.T, o launch.Options, b launch.Binary, hard bool) (start, kill time.Duration) {
	t.Helper()
	begin := time.Now()
	p, err := launch.Start(t.Context(), o, b)
	if err != nil {
		t.Fatal(err)
	}
	start = time.Since(begin)
	begin = time.Now()
	if hard {
		if err := unix.Kill(p.PID(), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		exit(t, p)
	}
	p.Kill(context.Background())
	return start, time.Since(begin)
}

// spread is the median and the 99th percentile.
func spread(d []time.Duration) [2]time.Duration {
	slices.Sort(d)
	return [2]time.Duration{d[len(d)/2], d[len(d)*99/100]}
}
