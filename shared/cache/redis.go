package cache

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The waits of a call to Redis, each of which the address can set to another value. The whole call ends at the
// longest of them plus grace, however many of them it went through.
const (
	dialTimeout = 2 * time.Second
	ioTimeout   = 2 * time.Second
	poolTimeout = time.Second
	grace       = 500 * time.Millisecond
)

// The shape of the pool, which the address can set as well.
const (
	// poolSize bounds the connections, and so the calls that are under way at once.
	poolSize = 32
	// bufferSize is that of a connection's reader and of its writer. Longer values bypass the buffers.
	bufferSize = 4 << 10
	// idleTimeout is shorter than the time after which common load balancers forget a connection in silence.
	idleTimeout = 4 * time.Minute
)

// redisCache keeps values in Redis. Every method is one command and so one round trip.
type redisCache struct {
	client *redis.Client
	spans  *spans
	limit  time.Duration // of one call
}

func openRedis(u *url.URL, o Options) (Cache, error) {
	options, err := redisOptions(u)
	if err != nil {
		return nil, err
	}
	return &redisCache{
		client: redis.NewClient(options),
		spans:  newSpans(o.TracerProvider, u, options.DB),
		limit:  max(options.DialTimeout, options.ReadTimeout, options.WriteTimeout) + grace,
	}, nil
}

// redisOptions reads a Redis address and fills in what it leaves open.
func redisOptions(u *url.URL) (*redis.Options, error) {
	address := *u
	if address.Scheme == "tcp" {
		address.Scheme = "redis"
	}
	o, err := redis.ParseURL(address.String())
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "redis: "))
	}

	o.DialTimeout = orDefault(o.DialTimeout, dialTimeout)
	o.ReadTimeout = orDefault(o.ReadTimeout, ioTimeout)
	o.WriteTimeout = orDefault(o.WriteTimeout, ioTimeout)
	o.PoolTimeout = orDefault(o.PoolTimeout, poolTimeout)
	o.ConnMaxIdleTime = orDefault(o.ConnMaxIdleTime, idleTimeout)
	o.PoolSize = orDefault(o.PoolSize, poolSize)
	o.ReadBufferSize = bufferSize
	o.WriteBufferSize = bufferSize
	o.ContextTimeoutEnabled = true
	// One retry covers the connection that the server closed between our look at it and our write.
	if o.MaxRetries == 0 {
		o.MaxRetries = 1
	}

	// Strings read the same in both versions of the protocol, and version 2 has no push messages, for which the client
	// would look around every command. The rest of the small talk at connect time is of no use to a cache either.
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.Dialer = dialer{tls: o.TLSConfig}.dial
	o.DialerRetries = 1
	return o, nil
}

// orDefault returns value if the address set it, and fallback if not. Waits cannot be switched off.
func orDefault[T int | time.Duration](value, fallback T) T {
	if value > 0 {
		return value
	}
	return fallback
}

func (c *redisCache) Get(ctx context.Context, key string) (value []byte, err error) {
	err = c.call(ctx, "get", func(ctx context.Context) error {
		value, err = c.client.Get(ctx, key).Bytes()
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (c *redisCache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return c.call(ctx, "set", func(ctx context.Context) error {
		return c.client.Set(ctx, key, value, max(ttl, 0)).Err()
	})
}

func (c *redisCache) Delete(ctx context.Context, key string) error {
	return c.call(ctx, "del", func(ctx context.Context) error { return c.client.Del(ctx, key).Err() })
}

// call runs one command in its bounds and its span, and returns its error as one of the package's kinds.
func (c *redisCache) call(ctx context.Context, command string, run func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	bounded, end := c.spans.begin(bounded, command)
	err := run(bounded)
	end(err)
	return kindOf(ctx, err)
}

func (c *redisCache) Close() error {
	if err := c.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close the connections to the cache server: %w", err)
	}
	return nil
}

// kindOf turns an error of the client into one of the package's kinds, or into that of the caller's context ctx.
func kindOf(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return ErrNotFound
	case ctx.Err() != nil:
		return fmt.Errorf("cache call given up: %w", ctx.Err())
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}
