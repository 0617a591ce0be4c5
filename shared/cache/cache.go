// Package cache keeps values under keys for the /cache routes: in Redis, shared by all replicas, or in the memory of
// this process. Which of the two is decided by one address, the value of --cache-server:
//
//	tcp://[user:password@]host[:port][/database]      Redis
//	redis://[user:password@]host[:port][/database]    the same
//	rediss://[user:password@]host[:port][/database]   Redis over TLS
//	memory://[?max-size=64MiB]                        this process, bounded, least recently used goes first
//	(empty)                                           no cache: every call answers ErrOffline
//
// A Redis address takes the options of the Redis URL scheme as go-redis reads them, such as ?dial_timeout=1s,
// ?read_timeout=1s, ?pool_size=10 and, for rediss, ?skip_verify=true.
// See https://www.iana.org/assignments/uri-schemes/prov/redis and
// https://pkg.go.dev/github.com/redis/go-redis/v9#ParseURL. The server's certificate is checked against the system's,
// which the variables SSL_CERT_FILE and SSL_CERT_DIR name.
//
// No call takes longer than 2.5 seconds, unless the address asks for longer timeouts: a cache that is slow is worth no
// more to a caller than one that is gone.
package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Cache is a set of values with keys. Its methods are safe for concurrent use.
//
// An error is ErrNotFound, ErrOffline, ErrTooLarge or ErrUnavailable for errors.Is, or that of ctx when the caller
// gave up first.
type Cache interface {
	// Get returns the value stored under key, or ErrNotFound. The slice belongs to the caller.
	Get(ctx context.Context, key string) ([]byte, error)
	// Set stores a copy of value under key until ttl has passed, or for good when ttl is not above zero.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Delete removes key. A key that is not there is no error.
	Delete(ctx context.Context, key string) error
	// Close frees what the cache holds. Calls after it answer ErrUnavailable.
	Close() error
}

// The kinds of errors that a Cache answers with.
var (
	// ErrNotFound says that nothing is stored under the key.
	ErrNotFound = errors.New("cache key not found")
	// ErrOffline says that no cache is configured.
	ErrOffline = errors.New("cache server is offline")
	// ErrUnavailable says that a cache is configured but did not do its work: it cannot be reached, is too slow or
	// refused the call. It comes wrapped together with the cause, which is for the log.
	ErrUnavailable = errors.New("cache server is unavailable")
	// ErrTooLarge says that the value does not fit into the cache at all.
	ErrTooLarge = errors.New("cache value is too large")
)

// Options holds what a cache needs beside its address. The zero value is ready to use.
type Options struct {
	// TracerProvider receives a span for every call to Redis. Tracing is off, and costs nothing, when it is nil.
	TracerProvider trace.TracerProvider
}

// Open returns the cache at server, an address as the package comment lists them. It does not connect: a Redis that is
// down is found by the first call, and found again by a later one when it is back.
//
// The error says what is wrong with the address and how to mend it, without its password. The Cache is there in any
// case: beside an error it is one whose calls all answer ErrUnavailable, so that a process whose cache is
// misconfigured can report it and serve everything else.
func Open(server string, o Options) (Cache, error) {
	if server == "" {
		return failing{ErrOffline}, nil
	}
	c, err := open(server, o)
	if err != nil {
		return failing{fmt.Errorf("%w: %w", ErrUnavailable, err)}, err
	}
	return c, nil
}

// failing is the cache that cannot do anything, and says why.
type failing struct{ err error }

func (f failing) Get(context.Context, string) ([]byte, error)              { return nil, f.err }
func (f failing) Set(context.Context, string, []byte, time.Duration) error { return f.err }
func (f failing) Delete(context.Context, string) error                     { return f.err }
func (f failing) Close() error                                             { return nil }
