package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// What became of a call, as the label result tells it.
const (
	resultOK = iota
	resultRefused
	resultInvalid
	resultTooLarge
	resultAnswer
	resultBusy
	resultUnavailable
	resultTimeout
	resultCanceled
	resultDied
	resultError
	results // their number
)

var resultNames = [results]string{"ok", "refused", "invalid", "too_large", "unusable_answer", "busy", "unavailable",
	"timeout", "canceled", "died", "error"}

// kinds are the errors that a result stands for.
var kinds = [...]struct {
	err    error
	result int
}{
	{contract.ErrRefused, resultRefused},
	{contract.ErrInvalid, resultInvalid},
	{contract.ErrTooLarge, resultTooLarge},
	{contract.ErrAnswer, resultAnswer},
	{contract.ErrBusy, resultBusy},
	{contract.ErrTimeout, resultTimeout},
	{contract.ErrDied, resultDied},
	{context.DeadlineExceeded, resultTimeout},
	{context.Canceled, resultCanceled},
}

func resultOf(err error) int {
	if err == nil {
		return resultOK
	}
	if _, ok := errors.AsType[*contract.UnavailableError](err); ok {
		return resultUnavailable
	}
	for _, kind := range kinds {
		if errors.Is(err, kind.err) {
			return kind.result
		}
	}
	return resultError
}

// What became of a reload.
const (
	succeeded = iota
	failed
	outcomes // their number
)

var outcomeNames = [outcomes]string{"ok", "failed"}

// The buckets reach from a call that only crosses a socket to one that takes all the time there usually is, in seconds.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// metrics are the families of a host. What can be read off the plugins is, when it is asked for.
type metrics struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	restarts *prometheus.CounterVec
	reloads  *prometheus.CounterVec
	retries  *prometheus.CounterVec

	up, inFlight, memory *prometheus.Desc
	plugins              func() []*plugin
}

func newMetrics(plugins func() []*plugin) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "podinfo_plugin_" + name, Help: help},
			append([]string{"plugin"}, labels...))
	}
	gauge := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("podinfo_plugin_"+name, help, []string{"plugin"}, nil)
	}
	return &metrics{
		calls: counter("calls_total", "Calls of a plugin by what became of them.", "method", "result"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "podinfo_plugin_call_duration_seconds", Help: "Seconds that calls of a plugin took.", Buckets: buckets,
		}, []string{"plugin", "method"}),
		restarts: counter("restarts_total", "Starts of a plugin after a crash."),
		reloads:  counter("reloads_total", "Reloads of a plugin by what became of them.", "result"),
		retries:  counter("retries_total", "Calls that were made once more because the plugin died during them."),
		up:       gauge("up", "Whether a plugin takes calls."),
		inFlight: gauge("calls_in_flight", "Calls of a plugin that are not answered yet."),
		memory:   gauge("memory_bytes", "Resident memory of a plugin's process, 0 if that is not known."),
		plugins:  plugins,
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.calls.Describe(ch)
	m.seconds.Describe(ch)
	m.restarts.Describe(ch)
	m.reloads.Describe(ch)
	m.retries.Describe(ch)
	ch <- m.up
	ch <- m.inFlight
	ch <- m.memory
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.calls.Collect(ch)
	m.seconds.Collect(ch)
	m.restarts.Collect(ch)
	m.reloads.Collect(ch)
	m.retries.Collect(ch)
	for _, p := range m.plugins() {
		up, memory := 0., 0.
		if i := p.view.Load().instance; i != nil {
			up, memory = 1, float64(i.Memory())
		}
		gauge := func(desc *prometheus.Desc, value float64) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, p.name.File)
		}
		gauge(m.up, up)
		gauge(m.inFlight, float64(p.inFlight.Load()))
		gauge(m.memory, memory)
	}
}

// series are the metrics of one plugin, looked up once.
type series struct {
	calls    [methods][results]prometheus.Counter
	seconds  [methods]prometheus.Observer
	restarts prometheus.Counter
	retries  prometheus.Counter
	reloads  [outcomes]prometheus.Counter
}

func (m *metrics) of(plugin string) *series {
	s := &series{restarts: m.restarts.WithLabelValues(plugin), retries: m.retries.WithLabelValues(plugin)}
	for outcome, name := range outcomeNames {
		s.reloads[outcome] = m.reloads.WithLabelValues(plugin, name)
	}
	for method := range methods {
		s.seconds[method] = m.seconds.WithLabelValues(plugin, method.String())
		for result, name := range resultNames {
			s.calls[method][result] = m.calls.WithLabelValues(plugin, method.String(), name)
		}
	}
	return s
}

// forget removes the series of a plugin.
func (m *metrics) forget(plugin string) {
	labels := prometheus.Labels{"plugin": plugin}
	m.calls.DeletePartialMatch(labels)
	m.seconds.DeletePartialMatch(labels)
	m.restarts.DeletePartialMatch(labels)
	m.reloads.DeletePartialMatch(labels)
	m.retries.DeletePartialMatch(labels)
}

// observe counts a call.
func (s *series) observe(m method, took time.Duration, err error) {
	s.calls[m][resultOf(err)].Inc()
	s.seconds[m].Observe(took.Seconds())
}

// register makes the metrics part of r, which may be nil, and returns what takes them out again.
func (m *metrics) register(r prometheus.Registerer) (unregister func(), err error) {
	if r == nil {
		return func() {}, nil
	}
	if err := r.Register(m); err != nil {
		return nil, fmt.Errorf("the metrics of the plugins: %w; two hosts need registries of their own", err)
	}
	return func() { r.Unregister(m) }, nil
}
