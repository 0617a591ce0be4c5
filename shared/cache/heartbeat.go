package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/redact"
)

const (
	heartbeatInterval = 30 * time.Second
	// heartbeatTTL outlives one missed beat.
	heartbeatTTL = 60 * time.Second
)

// HeartbeatOptions says what a Heartbeat writes and where it complains.
type HeartbeatOptions struct {
	Key    string // the host's name
	Value  string // the program's version
	Server string // the cache's address; it is logged without its password
	Log    *logrus.Logger
}

// Heartbeat keeps one key of a cache alive for as long as the process runs, so that others can see it there, and the
// log tells when the cache is gone.
type Heartbeat struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// StartHeartbeat writes the key at once and every 30 seconds from then on, to expire after 60. It does not wait for the
// first write. The caller closes the Heartbeat before the cache.
func StartHeartbeat(c Cache, o HeartbeatOptions) *Heartbeat {
	ctx, cancel := context.WithCancel(context.Background())
	h := &Heartbeat{cancel: cancel}
	h.done.Go(func() { beat(ctx, c, o) })
	return h
}

// Close ends the writes and waits until the last one is over. The key is left to expire. Close may be called again.
func (h *Heartbeat) Close() {
	h.cancel()
	h.done.Wait()
}

func beat(ctx context.Context, c Cache, o HeartbeatOptions) {
	tick := time.NewTicker(heartbeatInterval)
	defer tick.Stop()
	for {
		err := c.Set(ctx, o.Key, []byte(o.Value), heartbeatTTL)
		if ctx.Err() != nil || errors.Is(err, ErrOffline) {
			return
		}
		if err != nil {
			o.Log.WithError(err).WithField("server", redact.URL(o.Server)).Warn(ErrOffline.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
