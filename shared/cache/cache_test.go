package cache_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestCache holds every kind of cache to the same behavior.
func TestCache(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(t *testing.T) string{
		"memory": func(*testing.T) string { return "memory://" },
		"redis":  func(t *testing.T) string { return "tcp://" + testkit.StartRedis(t).Addr },
	}
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, start(t))
			t.Run("values", func(t *testing.T) { testValues(t, c) })
			t.Run("keys", func(t *testing.T) { testKeys(t, c) })
			t.Run("missing", func(t *testing.T) { testMissing(t, c) })
			t.Run("replace", func(t *testing.T) { testReplace(t, c) })
			t.Run("copies", func(t *testing.T) { testCopies(t, c) })
			t.Run("expiry", func(t *testing.T) { testExpiry(t, c) })
			t.Run("concurrent", func(t *testing.T) { testConcurrent(t, c) })
			t.Run("closed", func(t *testing.T) { testClosed(t, c) })
		})
	}
}

func testValues(t *testing.T, c cache.Cache) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	values := map[string][]byte{
		"text":             []byte("value"),
		"every byte":       all,
		"empty":            {},
		"nil":              nil,
		"protocol in it":   []byte("$-1\r\n+OK\r\n"),
		"ten mebibytes":    bytes.Repeat(all, 10<<20/256),
		"buffer and a bit": bytes.Repeat([]byte("x"), 4097),
	}
	for name, want := range values {
		if err := c.Set(t.Context(), "k", want, 0); err != nil {
			t.Fatalf("%s: Set: %v", name, err)
		}
		got, err := c.Get(t.Context(), "k")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes and error %v, want the %d bytes that were set", name, len(got), err, len(want))
		}
	}
}

func testKeys(t *testing.T, c cache.Cache) {
	keys := []string{"a", "a b", "a/b", "ключ", "\xff\x00\r\n", strings.Repeat("long", 1000)}
	for _, key := range keys {
		if err := c.Set(t.Context(), key, []byte(key), 0); err != nil {
			t.Fatalf("Set %.20q: %v", key, err)
		}
	}
	for _, key := range keys {
		if got, err := c.Get(t.Context(), key); err != nil || string(got) != key {
			t.Errorf("Get %.20q = %.20q, %v; want the key itself", key, got, err)
		}
	}
}

func testMissing(t *testing.T, c cache.Cache) {
	if _, err := c.Get(t.Context(), "missing"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Get of a key never set: %v, want ErrNotFound", err)
	}
	if err := c.Delete(t.Context(), "missing"); err != nil {
		t.Errorf("Delete of a key never set: %v, want no error", err)
	}
	if err := c.Set(t.Context(), "gone", []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), "gone"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if _, err := c.Get(t.Context(), "gone"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Get of a deleted key: %v, want ErrNotFound", err)
	}
}

func testReplace(t *testing.T, c cache.Cache) {
	for _, value := range []string{"first", "second, and longer", "3"} {
		if err := c.Set(t.Context(), "k", []byte(value), time.Hour); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(t.Context(), "k"); err != nil || string(got) != value {
			t.Errorf("Get = %q, %v; want %q", got, err, value)
		}
	}
}

func testCopies(t *testing.T, c cache.Cache) {
	value := []byte("original")
	if err := c.Set(t.Context(), "k", value, 0); err != nil {
		t.Fatal(err)
	}
	copy(value, "scribble")
	got, err := c.Get(t.Context(), "k")
	if err != nil || string(got) != "original" {
		t.Fatalf("Get = %q, %v after the caller of Set wrote into its slice; want original", got, err)
	}
	copy(got, "scribble")
	if got, err := c.Get(t.Context(), "k"); err != nil || string(got) != "original" {
		t.Errorf("Get = %q, %v after the caller of Get wrote into its slice; want original", got, err)
	}
}

func testExpiry(t *testing.T, c cache.Cache) {
	for key, ttl := range map[string]time.Duration{"short": 30 * time.Millisecond, "none": 0, "negative": -1} {
		if err := c.Set(t.Context(), key, []byte("x"), ttl); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, 5*time.Second, "a value to expire after 30 ms", func() bool {
		_, err := c.Get(t.Context(), "short")
		return errors.Is(err, cache.ErrNotFound)
	})
	for _, key := range []string{"none", "negative"} {
		if _, err := c.Get(t.Context(), key); err != nil {
			t.Errorf("Get of the key with time to live %s: %v, want it to stay", key, err)
		}
	}
	// A value without a time to live takes that of its predecessor away.
	for _, ttl := range []time.Duration{30 * time.Millisecond, 0} {
		if err := c.Set(t.Context(), "kept", []byte("x"), ttl); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(60 * time.Millisecond)
	testkit.Eventually(t, 5*time.Second, "60 ms to pass", func() bool { return time.Now().After(deadline) })
	if _, err := c.Get(t.Context(), "kept"); err != nil {
		t.Errorf("Get of a value set again without a time to live: %v, want it to stay", err)
	}
}

func testConcurrent(t *testing.T, c cache.Cache) {
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			key := string(rune('a' + i%8))
			for range 50 {
				if err := c.Set(t.Context(), key, bytes.Repeat([]byte(key), 1000), time.Minute); err != nil {
					t.Errorf("Set: %v", err)
				}
				got, err := c.Get(t.Context(), key)
				if err != nil && !errors.Is(err, cache.ErrNotFound) {
					t.Errorf("Get: %v", err)
				}
				if err == nil && string(got) != strings.Repeat(key, 1000) {
					t.Errorf("Get of %s = %.20q..., a value of another key", key, got)
				}
				if err := c.Delete(t.Context(), key); err != nil {
					t.Errorf("Delete: %v", err)
				}
			}
		})
	}
	callers.Wait()
}

func testClosed(t *testing.T, c cache.Cache) {
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	failsWith(t, c, cache.ErrUnavailable)
}

func TestOffline(t *testing.T) {
	t.Parallel()
	failsWith(t, open(t, ""), cache.ErrOffline)
}

// failsWith checks that every call of c fails with an error of kind want and no other.
func failsWith(t *testing.T, c cache.Cache, want error) {
	t.Helper()
	_, get := c.Get(t.Context(), "k")
	calls := map[string]error{
		"Get":    get,
		"Set":    c.Set(t.Context(), "k", nil, 0),
		"Delete": c.Delete(t.Context(), "k"),
	}
	kinds := []error{cache.ErrNotFound, cache.ErrOffline, cache.ErrTooLarge, cache.ErrUnavailable}
	for call, err := range calls {
		for _, kind := range kinds {
			if errors.Is(err, kind) != (kind == want) { //nolint:errorlint // compares two sentinels
				t.Errorf("%s: %v, want an error that is %v and no other kind", call, err, want)
			}
		}
	}
}
