package otlphttp

import (
	"context"
	"errors"
	"sync"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

// How often metrics are pushed and how long that may take, unless OTEL_METRIC_EXPORT_INTERVAL and
// OTEL_METRIC_EXPORT_TIMEOUT say otherwise. See
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#periodic-exporting-metricreader.
const (
	defaultInterval    = time.Minute
	defaultPushTimeout = 30 * time.Second
)

// pusher sends all families once in an interval, when it is told to, and when it is shut down.
type pusher struct {
	client   *client
	families telemetry.Families
	timeout  time.Duration
	start    time.Time // of the counting, for counters that do not know better
	stop     context.CancelFunc
	stopped  chan struct{}
	once     sync.Once
}

func startPusher(getenv func(string) string, c *client, families telemetry.Families) (*pusher, error) {
	const every, within = "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT"
	interval, err := milliseconds(every, getenv(every), defaultInterval)
	if err != nil {
		return nil, err
	}
	timeout, err := milliseconds(within, getenv(within), defaultPushTimeout)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &pusher{
		client: c, families: families, timeout: timeout, start: time.Now(), stop: stop, stopped: make(chan struct{}),
	}
	go p.run(ctx, interval)
	return p, nil
}

// run pushes until ctx ends. Shutdown waits for it.
func (p *pusher) run(ctx context.Context, interval time.Duration) {
	defer close(p.stopped)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = p.ForceFlush(ctx) // The families' owner reports what goes wrong.
		}
	}
}

// ForceFlush sends the families as they are now and waits until they are sent, ctx ends or the timeout has passed.
func (p *pusher) ForceFlush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	gathered, err := p.families.Gatherer.Gather()
	message := &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource:     described(p.families.Resource),
		SchemaUrl:    p.families.Resource.SchemaURL(),
		ScopeMetrics: []*metricspb.ScopeMetrics{converter{p.start, time.Now()}.scope(gathered)},
	}}}
	p.families.Export(ctx, func(ctx context.Context) error { return p.client.send(ctx, message) })
	return err
}

// Shutdown sends the families a last time and stops. It ends with ctx at the latest. A second call does nothing.
func (p *pusher) Shutdown(ctx context.Context) error {
	var err error
	p.once.Do(func() {
		p.stop()
		<-p.stopped
		err = errors.Join(p.ForceFlush(ctx), ctx.Err())
		p.client.close()
	})
	return err
}
