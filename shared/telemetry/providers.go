package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
)

// Providers is OpenTelemetry for one server: where its spans, pushed metrics and log records go, and which headers
// carry a trace from one service to the next. All methods are safe for concurrent use and on a nil Providers, which is
// what Start returns when telemetry is off.
type Providers struct {
	tracing    trace.TracerProvider
	propagator propagation.TextMapPropagator
	guards     []*guard
	flushes    []func(context.Context) error
	shutdowns  []func(context.Context) error
	cancel     context.CancelFunc
	once       sync.Once
}

// Start builds the providers that o describes. With an empty ServiceName, or OTEL_SDK_DISABLED=true in the environment,
// it returns nil and no error. The SDK's own settings come from its standard variables, see
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Nothing waits for a collector:
// ctx bounds only the making of the exporters. Call Shutdown to send what is left and end the goroutines.
func Start(ctx context.Context, o Options) (*Providers, error) {
	if o.ServiceName == "" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	propagator, err := parsePropagators(os.Getenv("OTEL_PROPAGATORS"))
	if err != nil {
		return nil, err
	}
	b := builder{options: o, log: o.Log, providers: &Providers{propagator: propagator}}
	if b.log == nil {
		b.log = logrus.New()
		b.log.SetOutput(io.Discard)
	}
	b.resource = b.describe(ctx)
	b.stopped, b.providers.cancel = context.WithCancel(context.Background())
	if err := errors.Join(b.traces(ctx), b.metrics(ctx), b.logs(ctx)); err != nil {
		return nil, errors.Join(err, b.providers.Shutdown(ctx))
	}
	return b.providers, nil
}

// TracerProvider returns what makes tracers, a no-op one when telemetry is off.
func (p *Providers) TracerProvider() trace.TracerProvider {
	if p == nil {
		return nooptrace.NewTracerProvider()
	}
	return p.tracing
}

// Propagator returns what reads and writes the headers that carry a trace, an empty one when telemetry is off.
func (p *Providers) Propagator() propagation.TextMapPropagator {
	if p == nil {
		return propagation.NewCompositeTextMapPropagator()
	}
	return p.propagator
}

// ForceFlush sends everything recorded so far and waits until it is sent or ctx ends. Its error tells which signals
// could not be sent since the last flush.
func (p *Providers) ForceFlush(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return p.finish(ctx, p.flushes)
}

// Shutdown sends everything recorded so far and stops. It returns when all is sent or ctx ends, whichever is first;
// what is still being sent then is cut off. Its error tells which signals could not be sent. A second call returns nil.
func (p *Providers) Shutdown(ctx context.Context) error {
	if p == nil {
		return nil
	}
	var err error
	p.once.Do(func() {
		defer p.cancel()
		err = p.finish(ctx, p.shutdowns)
	})
	return err
}

// finish runs a step of each signal side by side, so that a signal whose collector is dead takes no time from the
// others, and adds the errors of exports that the SDK does not return.
func (p *Providers) finish(ctx context.Context, steps []func(context.Context) error) error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i, step := range steps {
		wg.Go(func() { errs[i] = step(ctx) })
	}
	wg.Wait()
	for _, g := range p.guards {
		errs = append(errs, g.lost()) //nolint:makezero // after those that the steps wrote by index
	}
	return errors.Join(errs...)
}

// builder carries what the signals have in common while Start builds them.
type builder struct {
	options   Options
	log       *logrus.Logger
	resource  *resource.Resource
	stopped   context.Context
	providers *Providers
}

// guard returns the guard of a signal's exporter.
func (b *builder) guard(signal string) *guard {
	g := &guard{signal: signal, log: b.log, stopped: b.stopped}
	b.providers.guards = append(b.providers.guards, g)
	return g
}

// own makes the providers flush and shut down one more provider.
func (b *builder) own(provider interface {
	ForceFlush(context.Context) error
	Shutdown(context.Context) error
}) {
	b.providers.flushes = append(b.providers.flushes, provider.ForceFlush)
	b.providers.shutdowns = append(b.providers.shutdowns, provider.Shutdown)
}

// traces builds the tracer provider. It is a real one even when no spans are sent, so that traces pass through and
// log lines carry their ids.
func (b *builder) traces(ctx context.Context) error {
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(b.resource)}
	if b.options.Exporters.Traces != nil {
		exporter, err := b.options.Exporters.Traces(ctx)
		if err != nil {
			return fmt.Errorf("the exporter of traces could not be made: %w", err)
		}
		options = append(options, sdktrace.WithBatcher(spanExporter{exporter, b.guard("traces")}))
	}
	provider := sdktrace.NewTracerProvider(options...)
	b.own(provider)
	b.providers.tracing = provider
	return nil
}

// metrics starts to push the Prometheus families.
func (b *builder) metrics(ctx context.Context) error {
	if b.options.Exporters.Metrics == nil || b.options.Metrics == nil {
		return nil
	}
	pusher, err := b.options.Exporters.Metrics(ctx, Families{
		Resource: b.resource,
		Gatherer: gatherer{b.options.Metrics, b.log},
		Export:   b.guard("metrics").export,
	})
	if err != nil {
		return fmt.Errorf("the exporter of metrics could not be made: %w", err)
	}
	b.own(pusher)
	return nil
}

// logs builds the logger provider and hooks it to the log.
func (b *builder) logs(ctx context.Context) error {
	if b.options.Exporters.Logs == nil || b.options.Log == nil {
		return nil
	}
	exporter, err := b.options.Exporters.Logs(ctx)
	if err != nil {
		return fmt.Errorf("the exporter of logs could not be made: %w", err)
	}
	provider := sdklog.NewLoggerProvider(
		sdklog.WithResource(b.resource),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(logExporter{exporter, b.guard("logs")})),
	)
	b.own(provider)
	b.options.Log.AddHook(&logHook{provider.Logger(scopeName)})
	return nil
}
