package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podinfo-targets/podinfo/shared/cache"
)

// TestMemoryEviction fills a cache in memory and sees which entries make room.
func TestMemoryEviction(t *testing.T) {
	t.Parallel()
	c := open(t, "memory://?max-size=4KiB")
	kilobyte := bytes.Repeat([]byte("x"), 1000)
	for _, key := range []string{"a", "b", "c"} {
		if err := c.Set(t.Context(), key, kilobyte, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Get(t.Context(), "a"); err != nil { // now b is the one used longest ago
		t.Fatal(err)
	}
	if err := c.Set(t.Context(), "d", kilobyte, 0); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]error{"a": nil, "b": cache.ErrNotFound, "c": nil, "d": nil} {
		if _, err := c.Get(t.Context(), key); !errors.Is(err, want) {
			t.Errorf("Get %s: %v, want %v", key, err, want)
		}
	}
}

func TestMemoryTooLarge(t *testing.T) {
	t.Parallel()
	c := open(t, "memory://?max-size=4KiB")
	if err := c.Set(t.Context(), "k", []byte("small"), 0); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4 << 10, 4<<10 + 1, 10 << 20} {
		if err := c.Set(t.Context(), "k", make([]byte, size), 0); !errors.Is(err, cache.ErrTooLarge) {
			t.Errorf("Set of %d bytes into 4096: %v, want ErrTooLarge", size, err)
		}
	}
	if got, err := c.Get(t.Context(), "k"); err != nil || string(got) != "small" {
		t.Errorf("Get = %q, %v; want what was there before", got, err)
	}
}

// TestMemoryBound sets many values of many sizes and counts what is left of them.
func TestMemoryBound(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	c := open(t, "memory://?max-size=64KiB")
	random := rand.New(rand.NewPCG(1, 2))
	keys := make([]string, 2000)
	for i := range keys {
		keys[i] = fmt.Sprint("key", i%1500) // a quarter of them replaces a value
		if err := c.Set(t.Context(), keys[i], make([]byte, random.IntN(4000)), 0); err != nil {
			t.Fatal(err)
		}
	}
	total, seen := 0, map[string]bool{}
	for _, key := range keys {
		value, err := c.Get(t.Context(), key)
		if err == nil && !seen[key] {
			seen[key] = true
			total += len(key) + len(value)
		}
	}
	if total > limit || total < limit/2 {
		t.Errorf("%d bytes in %d entries are left, want at most %d and not much less", total, len(seen), limit)
	}
	if _, err := c.Get(t.Context(), keys[len(keys)-1]); err != nil {
		t.Errorf("Get of the newest key: %v", err)
	}
}

// TestMemoryExpiryIsExact looks at the instants around the end of a value's life.
func TestMemoryExpiryIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, "memory://")
		if err := c.Set(t.Context(), "k", []byte("v"), time.Minute); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute - 1)
		if _, err := c.Get(t.Context(), "k"); err != nil {
			t.Errorf("Get a nanosecond before the end: %v", err)
		}
		<-time.After(1)
		if _, err := c.Get(t.Context(), "k"); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("Get at the end: %v, want ErrNotFound", err)
		}
	})
}
