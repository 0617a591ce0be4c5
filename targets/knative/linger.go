package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/podinfo-targets/podinfo/targets/internal/app"
)

const (
	// flushTime bounds the flush at the signal to stop. What it leaves is flushed at the end, if there is time for it.
	flushTime = 2 * time.Second
	// closeTime is how long queue-proxy may take from the end of its drain until it closes its port.
	closeTime = 2 * time.Second
	// look is how often is looked whether it has.
	look = 20 * time.Millisecond
)

// linger returns what the server does on the first signal before it leaves.
//
// Telemetry is flushed at once, because Cloud Run kills the process ten seconds after the signal, whatever it does
// (https://cloud.google.com/run/docs/container-contract#instance-shutdown). Then queue-proxy is waited for, which goes
// on taking requests until none has come for thirty seconds.
func linger(a *app.App, r revision) func(context.Context) bool {
	return func(ctx context.Context) bool {
		var flushing sync.WaitGroup
		defer flushing.Wait()
		flushing.Go(func() { flush(ctx, a) })
		return r.name != "" && newQueueProxy().drains(ctx)
	}
}

func flush(ctx context.Context, a *app.App) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := a.Providers.ForceFlush(ctx); err != nil {
		a.Log.WithError(err).Warn("telemetry not flushed yet")
	}
}

// queueProxy is the container through which Knative passes all requests to a revision's pod
// (https://github.com/knative/serving/tree/main/pkg/queue). It shares the pod's loopback interface.
type queueProxy struct {
	admin string   // URL of the port that the pod's own hooks ask
	front []string // addresses that requests arrive at: that of HTTP/1.1 or that of HTTP/2, as the revision says
	http  *http.Client
}

func newQueueProxy() *queueProxy {
	return &queueProxy{
		admin: "http://127.0.0.1:8022",
		front: []string{"127.0.0.1:8012", "127.0.0.1:8013"},
		// A connection that stays open would hold up queue-proxy's own stop, and a proxy is for other machines.
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// drains waits until queue-proxy takes no more requests, and reports whether it may still hold some back: those above
// the revision's containerConcurrency wait there for their turn. It is false at once where there is no queue-proxy, and
// soon where it does not stop, as when only this container is restarted.
func (q *queueProxy) drains(ctx context.Context) bool { return q.drained(ctx) && q.closes(ctx) }

// drained asks for the answer that comes when the drain is over. On a cluster kubelet does so as well, in the hook that
// Knative puts before our SIGTERM, but a terminated pod is not the only way to get one.
func (q *queueProxy) drained(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, q.admin+"/wait-for-drain", nil)
	if err != nil {
		return false
	}
	answer, err := q.http.Do(r)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// closes waits for the port to close. Queue-proxy answers early, and its port stays open, when it is not to stop.
func (q *queueProxy) closes(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !q.refuses(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// refuses tells whether nobody listens any more. A wait that ends in the middle is no answer.
func (q *queueProxy) refuses(ctx context.Context) bool {
	for _, address := range q.front {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return false
		}
	}
	return true
}
