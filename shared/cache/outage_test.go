package cache_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// slack is what a busy machine may add to a bound.
const slack = 5 * time.Second

// TestRedisRestarts stops and starts the server 20 times under load. Every call answers in time with a value or the
// right error, and the cache works again as soon as the server is back.
func TestRedisRestarts(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	c := open(t, "tcp://"+server.Addr)
	stopLoad := load(t, c, 2500*time.Millisecond+slack)
	for i := range 20 {
		testkit.Eventually(t, slack, "the cache to work", func() bool {
			return c.Set(t.Context(), "k", []byte("v"), time.Minute) == nil
		})
		server.Stop([]syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[i%2])
		failsWith(t, c, cache.ErrUnavailable)
		server.Start()
	}
	testkit.Eventually(t, slack, "the cache to work again", func() bool {
		return c.Set(t.Context(), "k", []byte("v"), time.Minute) == nil
	})
	if calls, failed := stopLoad(); failed == 0 || failed == calls {
		t.Errorf("%d of %d calls failed; the load did not see both the server and its absence", failed, calls)
	}
}

// load calls c from several goroutines until stop, which returns how many calls there were and how many of them failed.
func load(t *testing.T, c cache.Cache, bound time.Duration) (stop func() (calls, failed int64)) {
	t.Helper()
	var calls, failed atomic.Int64
	check := func(call string, started time.Time, err error) {
		calls.Add(1)
		if took := time.Since(started); took > bound {
			t.Errorf("%s took %s, want at most %s", call, took, bound)
		}
		if errors.Is(err, cache.ErrUnavailable) {
			failed.Add(1)
		} else if err != nil && !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%s: %v, want ErrUnavailable if anything", call, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for ctx.Err() == nil {
				// The context of the test, because a call that is cut off by ctx is no failure of the cache.
				started := time.Now()
				_, err := c.Get(t.Context(), "k")
				check("Get", started, err)
				started = time.Now()
				check("Set", started, c.Set(t.Context(), "k", []byte("v"), time.Minute))
				started = time.Now()
				check("Delete", started, c.Delete(t.Context(), "k"))
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		callers.Wait()
		return calls.Load(), failed.Load()
	}
}

// TestRedisHangs freezes the server, so that connections stand and nothing answers.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options string
		limit   time.Duration
	}{
		"default timeouts": {"", 2500 * time.Millisecond},
		"own timeouts":     {"?dial_timeout=200ms&read_timeout=200ms&write_timeout=200ms", 700 * time.Millisecond},
		// There is no waiting for good: a timeout that is switched off is the default one.
		"timeouts off": {"?dial_timeout=-1&read_timeout=0&write_timeout=-1&pool_timeout=-1", 2500 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.StartRedis(t)
			c := open(t, "tcp://"+server.Addr+test.options)
			if err := c.Set(t.Context(), "k", []byte("v"), 0); err != nil {
				t.Fatal(err)
			}
			server.Pause()
			defer server.Resume()
			var callers sync.WaitGroup
			for range 100 { // more than the pool has connections
				callers.Go(func() {
					started := time.Now()
					_, err := c.Get(t.Context(), "k")
					if took := time.Since(started); took > test.limit+slack {
						t.Errorf("Get took %s of a hanging server, want at most %s", took, test.limit)
					}
					if !errors.Is(err, cache.ErrUnavailable) {
						t.Errorf("Get from a hanging server: %v, want ErrUnavailable", err)
					}
				})
			}
			callers.Wait()
			server.Resume()
			testkit.Eventually(t, slack, "the cache to work again", func() bool {
				value, err := c.Get(t.Context(), "k")
				return err == nil && string(value) == "v"
			})
		})
	}
}

// TestRedisHangsCallerLeaves checks that a caller's own deadline ends its call.
func TestRedisHangsCallerLeaves(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	c := open(t, "tcp://"+server.Addr)
	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	started := time.Now()
	_, err := c.Get(ctx, "k")
	if took := time.Since(started); took > 50*time.Millisecond+slack {
		t.Errorf("Get took %s, want the caller's 50ms", took)
	}
	if err == nil {
		t.Error("Get from a hanging server: no error")
	}
	server.Resume()
}

// TestRedisDialLeftAlone has callers leave while the connection is being made, which then fails. The next caller must
// not get that failure, because the server is well by then.
func TestRedisDialLeftAlone(t *testing.T) {
	t.Parallel()
	cert := testkit.NewCertificate(t)
	server := testkit.StartRedis(t, "--tls-cert-file", cert.CertFile, "--tls-key-file", cert.KeyFile,
		"--tls-ca-cert-file", cert.CertFile)
	gate := newGate(t, server.Addr)
	c := open(t, "rediss://"+gate.address+"?skip_verify=true&dial_timeout=1s&max_retries=-1")

	ctx, leave := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if _, err := c.Get(ctx, "k"); !errors.Is(err, context.Canceled) {
				t.Errorf("Get: %v, want the caller's own error", err)
			}
		})
	}
	testkit.Eventually(t, slack, "four connections at the gate", func() bool { return gate.waiting.Load() == 4 })
	leave()
	callers.Wait()
	testkit.Eventually(t, slack, "the client to give up dialing", func() bool { return gate.waiting.Load() == 0 })
	gate.open()
	if _, err := c.Get(t.Context(), "k"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Get from a server that is well: %v, want ErrNotFound", err)
	}
}

// TestRedisRestartIdleConnections restarts a server to which there are several connections, and then expects not one
// call to fail.
func TestRedisRestartIdleConnections(t *testing.T) {
	t.Parallel()
	cert := testkit.NewCertificate(t)
	tests := map[string]struct {
		scheme, options string
		args            []string
	}{
		"plain": {scheme: "redis://"},
		"TLS": {scheme: "rediss://", options: "?skip_verify=true", args: []string{
			"--tls-cert-file", cert.CertFile, "--tls-key-file", cert.KeyFile, "--tls-ca-cert-file", cert.CertFile}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.StartRedis(t, test.args...)
			c := open(t, test.scheme+server.Addr+test.options)
			stopLoad := load(t, c, slack) // leaves as many connections as it has callers
			testkit.Eventually(t, slack, "the cache to work", func() bool { return c.Delete(t.Context(), "k") == nil })
			if _, failed := stopLoad(); failed != 0 {
				t.Fatalf("%d calls failed", failed)
			}
			server.Stop(syscall.SIGTERM)
			server.Start()
			for range 20 {
				if err := c.Set(t.Context(), "k", []byte("v"), 0); err != nil {
					t.Errorf("Set after the restart: %v", err)
				}
			}
		})
	}
}

// TestRedisDownIsQuiet runs a process without a server: the only words about that are the errors of its calls.
func TestRedisDownIsQuiet(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	server.Stop(syscall.SIGKILL)
	stdout, stderr := runProbe(t, "tcp://"+server.Addr)
	want := "answer: cache server is unavailable: dial tcp " + server.Addr + ": connect: connection refused\n"
	if stdout != want || stderr != "" {
		t.Errorf("the cache answered %q, want %q, and wrote %q to stderr", stdout, want, stderr)
	}
}

// gate is a door before a server. Connections wait at it, unanswered, until it opens.
type gate struct {
	address string
	waiting atomic.Int64
	opened  chan struct{}
	done    sync.WaitGroup
}

func newGate(t *testing.T, server string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{address: listener.Addr().String(), opened: make(chan struct{})}
	g.done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			g.done.Go(func() { g.pass(conn, server) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		g.done.Wait()
	})
	return g
}

func (g *gate) open() { close(g.opened) }

// pass holds conn at the gate and then connects it to the server. Both end with the client's side.
func (g *gate) pass(client net.Conn, server string) {
	defer client.Close()
	g.waiting.Add(1)
	received := make([]byte, 0, 64<<10)
	for {
		select {
		case <-g.opened:
			g.waiting.Add(-1)
			forward(client, server, received)
			return
		default:
		}
		_ = client.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		n, err := client.Read(received[len(received):cap(received)])
		received = received[:len(received)+n]
		if timeout := net.Error(nil); err != nil && (!errors.As(err, &timeout) || !timeout.Timeout()) {
			g.waiting.Add(-1)
			return
		}
	}
}

func forward(client net.Conn, address string, received []byte) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	_ = client.SetReadDeadline(time.Time{})
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(client, server) })
	if _, err := server.Write(received); err == nil {
		_, _ = io.Copy(server, client)
	}
	_ = server.Close()
	back.Wait()
}
