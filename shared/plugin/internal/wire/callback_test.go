package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// recorder is a host that keeps what it is told.
type recorder struct {
	mu    sync.Mutex
	log   []string
	cache map[string][]byte
	ttl   time.Duration
	span  trace.SpanContext
}

func (r *recorder) Log(ctx context.Context, level, message string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, level+" "+message)
	r.span = trace.SpanContextFromContext(ctx)
	return nil
}

func (r *recorder) CacheGet(_ context.Context, key string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, found := r.cache[key]
	if !found {
		return nil, fmt.Errorf("%w: no key %q", contract.ErrNotFound, key)
	}
	return value, nil
}

func (r *recorder) CacheSet(_ context.Context, key string, value []byte, ttl time.Duration) error {
	if key == "offline" {
		return errors.New("the cache is offline")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache, r.ttl = map[string][]byte{key: value}, ttl
	return nil
}

func (r *recorder) Config(ctx context.Context, key string) (string, error) {
	if key == "panic" {
		panic("boom")
	}
	if _, ok := ctx.Deadline(); !ok {
		return "", errors.New("no deadline")
	}
	return "value of " + key, nil
}

// calling is a plugin that calls its host while it is called.
func calling(ctx context.Context, v any) (any, error) {
	host, err := CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	switch v {
	case "log":
		return nil, host.Log(ctx, "info", "a line")
	case "cache":
		if err := host.CacheSet(ctx, "key", []byte("cached"), time.Minute); err != nil {
			return nil, err
		}
		return host.CacheGet(ctx, "key")
	case "large":
		large := make([]byte, MaxMessage)
		if err := host.CacheSet(ctx, "key", large, 0); err != nil {
			return nil, err
		}
		got, err := host.CacheGet(ctx, "key")
		return len(got), err
	case "missing":
		_, err := host.CacheGet(ctx, "missing")
		return errors.Is(err, contract.ErrNotFound), nil
	case "offline":
		return nil, host.CacheSet(ctx, "offline", nil, 0)
	case "late":
		ctx, cancel := context.WithTimeout(ctx, -1)
		defer cancel()
		_, err := host.Config(ctx, "a")
		return errors.Is(err, context.DeadlineExceeded), nil
	default:
		return host.Config(ctx, v.(string))
	}
}

func TestAPluginCallsItsHost(t *testing.T) {
	t.Parallel()
	host := &recorder{}
	client := connect(t, contract.GRPC, encoding(calling), ClientOptions{Caller: host})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, span := traced(ctx, t)
	for _, c := range []struct{ order, want any }{
		{"log", nil},
		{"large", int64(MaxMessage)},
		{"cache", "cached"},
		{"missing", true},
		{"late", true},
		{"color", "value of color"},
	} {
		got, err := client.Encode(ctx, c.order)
		if b, ok := got.([]byte); ok {
			got = string(b)
		}
		if got != c.want || err != nil {
			t.Errorf("%s: %v, %v; want %v", c.order, got, err, c.want)
		}
	}
	if _, err := client.Encode(ctx, "offline"); err == nil || !strings.Contains(err.Error(), "the cache is offline") {
		t.Errorf("an error of the host became %v", err)
	}
	if _, err := client.Encode(ctx, "panic"); err == nil || !strings.HasSuffix(err.Error(), "the host panicked") {
		t.Errorf("a panic of the host became %v, want no word of where it was", err)
	}
	host.mu.Lock()
	defer host.mu.Unlock()
	if len(host.log) != 1 || host.log[0] != "info a line" || !host.span.Equal(span) || host.ttl != time.Minute {
		t.Errorf("the host got %q in the span %+v, and a value for %s", host.log, host.span, host.ttl)
	}
}

func TestAPluginWithoutAHostToCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		transport contract.Transport
		caller    contract.Caller
		says      string
	}{
		{"net/rpc", contract.RPC, &recorder{}, "name its file protocol-grpc-NAME"},
		{"host that takes no calls", contract.GRPC, nil, "takes no calls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := connect(t, c.transport, encoding(calling), ClientOptions{Caller: c.caller})
			if _, err := client.Encode(t.Context(), "log"); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
	if _, err := CallerFrom(t.Context()); err == nil || !strings.Contains(err.Error(), "method of the plugin") {
		t.Errorf("with a context of something else: %v", err)
	}
}
