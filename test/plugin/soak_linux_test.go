package plugin_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	mostHeap     = 1 << 20 // bytes that the heap may grow by, which are 4.5 KiB a restart
	mostResident = 8 << 20 // and the resident memory
)

// TestRestartsLeaveNothing restarts plugins five hundred times, in every way there is, and compares what their host has
// then with what it had after fifty. Memory may grow in one half of them, for the busiest moment so far has kept some;
// what leaks grows in both.
func TestRestartsLeaveNothing(t *testing.T) {
	t.Parallel()
	const warm, half, halves = 50, 225, 2
	dir := t.TempDir()
	names := []string{"protocol-grpc-echo", "protocol-rpc-echo"}
	for _, name := range names {
		install(t, dir, name, "")
	}
	s := start(t, shipped(t), dir)
	restart := func(times int) {
		for i, name := range names {
			s.restart(t, name, (times+i)/len(names))
		}
	}
	restart(warm)
	first := s.settled(t, len(names), holdings{goroutines: 1 << 20, files: 1 << 20})
	t.Logf("after %d restarts: %s", warm, first)
	before, grown := first, 0
	for i := range halves {
		restart(half)
		after := s.settled(t, len(names), first)
		t.Logf("after %d restarts: %s", warm+(i+1)*half, after)
		if after.heap-before.heap > mostHeap || after.resident-before.resident > mostResident {
			grown++
		}
		before = after
	}
	if grown == halves {
		t.Error("the memory has grown in both halves")
	}
}

// restart ends the plugin's process so often and waits each time for the next one. An operator's order comes between
// two crashes, so that these do not count as a series.
func (s *server) restart(t *testing.T, name string, times int) {
	t.Helper()
	pid := s.ready(t, name, 0).PID
	for i := range times {
		switch i % 4 {
		case 0:
			kill9(t, pid)
		case 1:
			s.must(t, http.StatusOK, http.MethodPost, "/"+name+"/reload", "")
		case 2:
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil { // It ends by itself then.
				t.Fatal(err)
			}
		case 3:
			s.must(t, http.StatusOK, http.MethodPost, "/"+name+"/kill", "")
			s.must(t, http.StatusOK, http.MethodPost, "/"+name+"/start", "")
		}
		pid = s.ready(t, name, pid).PID
		s.echo(t, name, "hello")
	}
}

// holdings is what a process has of the machine.
type holdings struct {
	goroutines, files, heap, resident float64
	processes, zombies, sockets       int
}

func (h holdings) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.2f MB heap, %.1f MB resident, %d processes of plugins, "+
		"%d zombies, %d directories of sockets",
		h.goroutines, h.files, h.heap/1e6, h.resident/1e6, h.processes, h.zombies, h.sockets)
}

// settled waits until the host of so many plugins has no more than it may, and returns what it has after a collection
// of its garbage.
func (s *server) settled(t *testing.T, plugins int, may holdings) (h holdings) {
	t.Helper()
	const few = 3 // The scrape itself has some.
	testkit.Eventually(t, patience, "what restarts take is given back", func() bool {
		s.client.CloseIdleConnections()
		for range 2 { // A collection frees what pools kept over the one before.
			testkit.Get(t, s.MetricsURL+"/debug/pprof/heap?gc=1")
		}
		scrape := testkit.Get(t, s.MetricsURL+"/metrics").Body
		h = holdings{
			goroutines: valueOf(t, scrape, "go_goroutines"),
			files:      valueOf(t, scrape, "process_open_fds"),
			heap:       valueOf(t, scrape, "go_memstats_heap_alloc_bytes"),
			resident:   valueOf(t, scrape, "process_resident_memory_bytes"),
			processes:  len(runningBelow(s.temp)),
			zombies:    zombies(s.PID()),
			sockets:    len(s.sockets()),
		}
		return h.goroutines <= may.goroutines+few && h.files <= may.files+few &&
			h.processes == plugins && h.zombies == 0 && h.sockets == plugins
	})
	return h
}

// valueOf returns the value of a metric without labels.
func valueOf(t *testing.T, scrape, metric string) (value float64) {
	t.Helper()
	for line := range strings.Lines(scrape) {
		if rest, ok := strings.CutPrefix(line, metric+" "); ok {
			if _, err := fmt.Sscan(rest, &value); err == nil {
				return value
			}
		}
	}
	t.Fatalf("the scrape has no %s", metric)
	return 0
}

// zombies counts the children of a process that have ended and were not waited for.
func zombies(parent int) (n int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // The pattern is well formed.
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // It has ended meanwhile.
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if strings.HasPrefix(rest, fmt.Sprintf("Z %d ", parent)) {
			n++
		}
	}
	return n
}
