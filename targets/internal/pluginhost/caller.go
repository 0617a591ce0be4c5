package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// caller is what plugins may ask of podinfo: its log, its cache and its configuration files, and nothing that needs a
// right, since what one plugin learns every client of it may learn.
type caller struct {
	cache   cache.Cache
	configs func() map[string]string
	log     *logrus.Logger
}

var _ contract.Caller = caller{}

// Log writes a line to podinfo's log, in the name of the plugin.
func (c caller) Log(ctx context.Context, level, message string) error {
	parsed, err := logLevel(level)
	if err != nil {
		return err
	}
	c.log.WithContext(ctx).WithField("plugin", contract.PluginFrom(ctx)).Log(parsed, message)
	return nil
}

// logLevel takes the levels at which a plugin may write. Those above error end the process or say that it ended.
func logLevel(name string) (logrus.Level, error) {
	switch name {
	case "debug":
		return logrus.DebugLevel, nil
	case "info":
		return logrus.InfoLevel, nil
	case "warn":
		return logrus.WarnLevel, nil
	case "error":
		return logrus.ErrorLevel, nil
	}
	return 0, fmt.Errorf("%w: %q is no level of the log; give debug, info, warn or error", contract.ErrInvalid, name)
}

// CacheGet reads what podinfo's cache keeps under key.
func (c caller) CacheGet(ctx context.Context, key string) ([]byte, error) {
	value, err := c.cache.Get(ctx, key)
	if errors.Is(err, cache.ErrNotFound) {
		return nil, fmt.Errorf("cache key %q: %w", key, contract.ErrNotFound)
	}
	return value, withoutCause(err)
}

// CacheSet stores value in podinfo's cache.
func (c caller) CacheSet(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return withoutCause(c.cache.Set(ctx, key, value, ttl))
}

// Config reads one of the mounted configuration files.
func (c caller) Config(_ context.Context, key string) (string, error) {
	content, ok := c.configs()[key]
	if !ok {
		return "", fmt.Errorf("configuration file %q: %w", key, contract.ErrNotFound)
	}
	return content, nil
}

// withoutCause leaves out what only podinfo's own log may tell, such as the address of the cache.
func withoutCause(err error) error {
	if errors.Is(err, cache.ErrUnavailable) {
		return cache.ErrUnavailable
	}
	return err
}
