package system

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestSoak keeps a server busy with everything it can do, including clients that leave without a word, and looks at
// what it still holds afterwards: no goroutine, no file and no memory that it did not hold before. Memory may grow in
// one round, as the busiest moment so far has kept some, and the race detector keeps most; what leaks grows in all.
func TestSoak(t *testing.T) {
	t.Parallel()
	const warm, soak, rounds = time.Second, 5 * time.Second, 3
	redis := testkit.StartRedis(t)
	p := start(t, "--max-body-size=65536", "--cache-server=tcp://"+redis.Addr)
	fresh := p.settled(t, holdings{goroutines: 1 << 20, files: 1 << 20})
	p.soak(t, warm) // fills pools and the metrics
	before := p.settled(t, fresh)
	for round := 1; ; round++ {
		requests := p.soak(t, soak)
		after := p.settled(t, fresh)
		t.Logf("after %d requests: %s; before: %s", requests, after, before)
		// The heap's bound is half a kilobyte for each request.
		if after.heap-before.heap < 1<<20 && after.resident-before.resident < 32<<20 {
			break
		}
		if round == rounds {
			t.Fatalf("the memory has grown in each of %d rounds", rounds)
		}
		before = after
	}
	p.isAlive(t)
}

// holdings is what a process has of the machine.
type holdings struct{ goroutines, files, heap, resident float64 }

func (h holdings) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f files, %.1f MB heap, %.1f MB resident",
		h.goroutines, h.files, h.heap/1e6, h.resident/1e6)
}

// settled waits until the process has no more goroutines and files than it may, give or take those of the scrape
// itself and of the connections to Redis that are kept, and returns what it has after a collection of its garbage.
func (p *podinfo) settled(t *testing.T, may holdings) (h holdings) {
	t.Helper()
	const few = 16
	p.client.CloseIdleConnections()
	testkit.Eventually(t, patience, "goroutines and files to be given back", func() bool {
		for range 2 { // A collection frees what pools kept over the one before.
			if _, err := p.try(t, http.MethodGet, p.MetricsURL+"/debug/pprof/heap?gc=1", ""); err != nil {
				t.Fatal(err)
			}
		}
		scrape := p.metrics(t)
		h = holdings{
			goroutines: valueOf(t, scrape, "go_goroutines"),
			files:      valueOf(t, scrape, "process_open_fds"),
			heap:       valueOf(t, scrape, "go_memstats_heap_alloc_bytes"),
			resident:   valueOf(t, scrape, "process_resident_memory_bytes"),
		}
		return h.goroutines <= may.goroutines+few && h.files <= may.files+few
	})
	return h
}

// soak keeps clients of several kinds busy for a time, at a pace that leaves the machine some room, and returns how
// many requests they made.
func (p *podinfo) soak(t *testing.T, d time.Duration) (requests int64) {
	t.Helper()
	const clients = 8
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var count atomic.Int64
	var running sync.WaitGroup
	keep := func(ask func(i int)) {
		running.Go(func() {
			pace := time.NewTicker(4 * time.Millisecond)
			defer pace.Stop()
			for i := 0; ctx.Err() == nil; i++ {
				ask(i)
				count.Add(1)
				<-pace.C
			}
		})
	}
	for range clients {
		keep(func(i int) { p.mixed(t, i) })
	}
	keep(func(int) { p.hangUp(t) })
	keep(func(int) { p.chat(t) })
	conn := connect(t, p.GRPCAddr)
	defer conn.Close()
	keep(func(int) {
		if _, err := echopb.NewEchoServiceClient(conn).Echo(t.Context(), &echopb.Message{Body: "hello"}); err != nil {
			t.Error(err)
		}
	})
	running.Wait()
	return count.Load()
}

// mixed sends one request of many kinds, good and bad.
func (p *podinfo) mixed(t *testing.T, i int) {
	requests := []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/version", "", 200}, {"GET", "/api/info", "", 200}, {"GET", "/headers", "", 200}, {"GET", "/env", "", 200},
		{"GET", "/healthz", "", 200}, {"GET", "/configs", "", 200}, {"GET", "/metrics", "", 200}, {"GET", "/", "", 200},
		{"GET", "/delay/0", "", 200}, {"GET", "/chunked/0", "", 200}, {"GET", "/status/503", "", 503},
		{"POST", "/token", "name", 200}, {"GET", "/token/validate", "", 401}, {"GET", "/openapi.json", "", 200},
		{"POST", "/echo", strings.Repeat("e", 32<<10), 202}, {"POST", "/echo", strings.Repeat("e", 80<<10), 413},
		{"PUT", "/cache/key", strings.Repeat("c", 8<<10), 202}, {"GET", "/cache/key", "", 200},
		{"GET", fmt.Sprintf("/cache/missing-%d", i), "", 404}, {"POST", "/store", strings.Repeat("s", 8<<10), 202},
		{"GET", "/store/" + hashOf(strings.Repeat("s", 8<<10)), "", 202}, {"GET", fmt.Sprintf("/nowhere/%d", i), "", 404},
		{fmt.Sprintf("INVENTED%d", i), "/version", "", 405}, {fmt.Sprintf("INVENTED%d", i), "/echo", "", 202},
	}
	r := requests[i%len(requests)]
	got, err := p.try(t, r.method, p.URL+r.path, r.body)
	switch {
	case got.status == http.StatusNotFound && r.body == "" && r.status != http.StatusNotFound:
		// What stores it may still be on its way.
	case err != nil && r.status == http.StatusRequestEntityTooLarge:
		// The server may answer, and close the connection, before all of a body that is too large is sent.
	case err != nil || got.status != r.status:
		t.Errorf("%s %s: status %d, %v; want %d", r.method, r.path, got.status, err, r.status)
	}
}

// hangUp leaves while the server waits, sends and reads.
func (p *podinfo) hangUp(t *testing.T) {
	for _, send := range []string{
		head("GET", "/delay/600"), head("GET", "/chunked/600"), head("POST", "/echo", "Content-Length: 1000") + "half",
		"GET /version HTTP/1.1\r\nHost:",
	} {
		l := p.dial(t)
		l.say(send)
		_ = l.conn.Close()
	}
}

// chat opens a websocket, says something, and leaves without a goodbye.
func (p *podinfo) chat(t *testing.T) {
	address := "ws" + strings.TrimPrefix(p.URL, "http") + "/ws/echo"
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err != nil {
		t.Error(err)
		return
	}
	_ = answer.Body.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
}
