package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// newCaller returns what plugins may call, with a cache at server, and where the log goes.
func newCaller(t *testing.T, server string) (caller, *bytes.Buffer) {
	t.Helper()
	c, _ := cache.Open(server, cache.Options{}) // An address that is wrong is a cache that cannot be had.
	t.Cleanup(func() { _ = c.Close() })
	var lines bytes.Buffer
	log := logrus.New()
	log.SetOutput(&lines)
	log.SetLevel(logrus.DebugLevel)
	configs := func() map[string]string { return map[string]string{"color": "blue", "empty": ""} }
	return caller{cache: c, configs: configs, log: log}, &lines
}

func TestCallerKeepsValues(t *testing.T) {
	t.Parallel()
	c, _ := newCaller(t, "memory://")
	if _, err := c.CacheGet(t.Context(), "key"); !errors.Is(err, contract.ErrNotFound) {
		t.Errorf("a key that is not there gives %v, want an ErrNotFound", err)
	}
	if err := c.CacheSet(t.Context(), "key", []byte("value"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := c.CacheGet(t.Context(), "key"); err != nil || string(got) != "value" {
		t.Errorf("the key gives %q and %v, want what was set", got, err)
	}
}

// A plugin's client may read what the plugin was answered, so that it must not tell of podinfo's inside.
func TestCallerTellsNoCauses(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]error{
		"": cache.ErrOffline, "tcp://user:hunter2@127.0.0.1:1": cache.ErrUnavailable, "tcp:/hunter2": cache.ErrUnavailable,
	} {
		c, _ := newCaller(t, server)
		_, err := c.CacheGet(t.Context(), "key")
		for _, err := range []error{err, c.CacheSet(t.Context(), "key", nil, 0)} {
			if !errors.Is(err, want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "127") {
				t.Errorf("with the cache at %q a plugin reads %v, want no more than %v", server, err, want)
			}
		}
	}
	c, _ := newCaller(t, "memory://?max-size=1KiB")
	if err := c.CacheSet(t.Context(), "key", make([]byte, 2048), 0); !errors.Is(err, cache.ErrTooLarge) {
		t.Errorf("a large value gives %v, want an ErrTooLarge", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if c, _ = newCaller(t, "tcp://127.0.0.1:1"); c.CacheSet(ended, "key", nil, 0) == nil {
		t.Error("a call whose context is over is none")
	}
}

func TestCallerReadsConfigs(t *testing.T) {
	t.Parallel()
	c, _ := newCaller(t, "")
	for key, want := range map[string]string{"color": "blue", "empty": ""} {
		if got, err := c.Config(t.Context(), key); err != nil || got != want {
			t.Errorf("the file %s is %q and %v, want %q", key, got, err, want)
		}
	}
	for _, key := range []string{"", "none", "../color", "/etc/passwd"} {
		if _, err := c.Config(t.Context(), key); !errors.Is(err, contract.ErrNotFound) {
			t.Errorf("the file %q gives %v, want an ErrNotFound", key, err)
		}
	}
}

func TestCallerLogs(t *testing.T) {
	t.Parallel()
	c, lines := newCaller(t, "")
	for _, level := range []string{"debug", "info", "warn", "error"} {
		lines.Reset()
		if err := c.Log(contract.WithPlugin(t.Context(), "protocol-grpc-a"), level, "two\nlines"); err != nil {
			t.Errorf("at %s: %v", level, err)
		}
		line := lines.String()
		if !strings.Contains(line, "level="+level) || !strings.Contains(line, "plugin=protocol-grpc-a") ||
			strings.Count(line, "\n") != 1 {
			t.Errorf("at %s the log has %q, want one line of that level and plugin", level, line)
		}
	}
	lines.Reset()
	for _, level := range []string{"", "fatal", "panic", "trace", "INFO"} {
		if err := c.Log(t.Context(), level, "x"); !errors.Is(err, contract.ErrInvalid) || lines.Len() > 0 {
			t.Errorf("at %q: got %v and the line %q, want an ErrInvalid", level, err, lines)
		}
	}
}
