package cache_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// recorder is a cache that notes when keys are set, and fails if it is told to.
type recorder struct {
	cache.Cache
	mu      sync.Mutex
	started time.Time
	sets    []time.Duration // since started
	err     error
}

func (r *recorder) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sets = append(r.sets, time.Since(r.started))
	if r.err != nil {
		return r.err
	}
	return r.Cache.Set(ctx, key, value, ttl)
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, logged := logtest.NewNullLogger()
		c := &recorder{Cache: open(t, "memory://"), started: time.Now()}
		beat := cache.StartHeartbeat(c, cache.HeartbeatOptions{Key: "host-1", Value: "1.2.3", Log: log})

		for range 10 {
			synctest.Wait()
			if got, err := c.Get(t.Context(), "host-1"); err != nil || string(got) != "1.2.3" {
				t.Errorf("after %s: Get = %q, %v; want the version", time.Since(c.started), got, err)
			}
			<-time.After(15 * time.Second)
		}
		beat.Close()
		beat.Close()
		want := []time.Duration{0, 30 * time.Second, 60 * time.Second, 90 * time.Second, 120 * time.Second}
		if len(c.sets) < len(want) || len(c.sets) > len(want)+1 { // at 150 s it and Close race
			t.Fatalf("written at %v, want %v", c.sets, want)
		}
		for i, at := range want {
			if c.sets[i] != at {
				t.Errorf("written at %v, want %v", c.sets, want)
			}
		}
		<-time.After(time.Minute)
		if _, err := c.Get(t.Context(), "host-1"); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("a minute after Close: %v, want the key to have expired", err)
		}
		if len(logged.AllEntries()) != 0 {
			t.Errorf("logged %v, want nothing", logged.AllEntries())
		}
	})
}

func TestHeartbeatServerOffline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, logged := logtest.NewNullLogger()
		c := &recorder{err: cache.ErrUnavailable}
		beat := cache.StartHeartbeat(c, cache.HeartbeatOptions{
			Key: "host-1", Value: "1.2.3", Server: "tcp://user:" + secret + "@redis:6379", Log: log,
		})
		<-time.After(45 * time.Second)
		beat.Close()

		entries := logged.AllEntries()
		if len(entries) != 2 {
			t.Fatalf("%d log entries after two failures, want 2", len(entries))
		}
		line, err := entries[0].String()
		if err != nil {
			t.Fatal(err)
		}
		if entries[0].Level != logrus.WarnLevel || entries[0].Message != "cache server is offline" {
			t.Errorf("logged %q, want a warning that the cache server is offline", line)
		}
		if entries[0].Data["server"] != "tcp://user:xxxxx@redis:6379" || strings.Contains(line, secret) {
			t.Errorf("logged %q, want the server without its password", line)
		}
		if err, ok := entries[0].Data[logrus.ErrorKey].(error); !ok || !errors.Is(err, cache.ErrUnavailable) {
			t.Errorf("logged %q, want the error", line)
		}
	})
}

// TestHeartbeatWithoutCache says nothing, because there is nothing to say.
func TestHeartbeatWithoutCache(t *testing.T) {
	t.Parallel()
	log, logged := logtest.NewNullLogger()
	beat := cache.StartHeartbeat(open(t, ""), cache.HeartbeatOptions{Key: "host-1", Log: log})
	beat.Close()
	if len(logged.AllEntries()) != 0 {
		t.Errorf("logged %v, want nothing", logged.AllEntries())
	}
}

// TestHeartbeatRedis asks the server itself for the time that the key has left.
func TestHeartbeatRedis(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	log, _ := logtest.NewNullLogger()
	beat := cache.StartHeartbeat(open(t, "tcp://"+server.Addr),
		cache.HeartbeatOptions{Key: "host-1", Value: "1.2.3", Log: log})
	defer beat.Close()
	testkit.Eventually(t, slack, "the heartbeat's key", func() bool { return server.Do("GET host-1") == "1.2.3" })
	ttl, err := strconv.Atoi(strings.TrimPrefix(server.Do("TTL host-1"), ":"))
	if err != nil || ttl < 50 || ttl > 60 {
		t.Errorf("the key has %d seconds left (%v), want 60 or little less", ttl, err)
	}
}

// TestHeartbeatCloseIsBounded closes a heartbeat whose server hangs.
func TestHeartbeatCloseIsBounded(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	server.Pause()
	log, logged := logtest.NewNullLogger()
	beat := cache.StartHeartbeat(open(t, "tcp://"+server.Addr), cache.HeartbeatOptions{Key: "host-1", Log: log})
	started := time.Now()
	beat.Close()
	if took := time.Since(started); took > 2500*time.Millisecond+slack {
		t.Errorf("Close took %s", took)
	}
	if len(logged.AllEntries()) != 0 {
		t.Errorf("logged %v, want nothing about a write that was given up", logged.AllEntries())
	}
	server.Resume()
}
