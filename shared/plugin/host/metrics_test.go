package host_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus/hooks/test"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// value returns that of the series with a name and labels, as key=value.
func value(t *testing.T, g prometheus.Gatherer, name string, labels ...string) (v float64, found bool) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			if hasLabels(metric, labels) {
				return metric.GetCounter().GetValue() + metric.GetGauge().GetValue() +
					float64(metric.GetHistogram().GetSampleCount()), true
			}
		}
	}
	return 0, false
}

func hasLabels(metric *dto.Metric, want []string) bool {
	for _, w := range want {
		found := false
		for _, label := range metric.GetLabel() {
			found = found || label.GetName()+"="+label.GetValue() == w
		}
		if !found {
			return false
		}
	}
	return true
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		registry := prometheus.NewRegistry()
		h, _ := serve(t, name, func(o *host.Options) { o.Metrics = registry })
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for order, c := range map[string]struct {
			ctx  context.Context
			want error
		}{
			"":       {t.Context(), nil},
			"refuse": {t.Context(), contract.ErrRefused},
			"hang":   {short, context.DeadlineExceeded},
		} {
			if _, err := h.Encode(c.ctx, name, order); !errors.Is(err, c.want) {
				t.Errorf("%q: %v, want %v", order, err, c.want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Decode(ctx, name, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("a call that nobody waits for: %v", err)
		}
		if _, err := h.Reload(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		kill(t, h, name)
		if _, err := h.Encode(t.Context(), name, "exit"); !errors.Is(err, contract.ErrDied) {
			t.Errorf("a call that kills the plugin: %v", err)
		}
		testkit.Eventually(t, patience, "it is back after three crashes", func() bool {
			s, err := h.Get(name)
			return err == nil && s.State == contract.Ready && s.Restarts == 3
		})
		plugin := "plugin=" + name
		for _, c := range []struct {
			name   string
			labels []string
			want   float64
		}{
			{"podinfo_plugin_up", nil, 1},
			{"podinfo_plugin_calls_total", []string{"method=encode", "result=ok"}, 1},
			{"podinfo_plugin_calls_total", []string{"method=encode", "result=refused"}, 1},
			{"podinfo_plugin_calls_total", []string{"method=encode", "result=timeout"}, 1},
			{"podinfo_plugin_calls_total", []string{"method=encode", "result=died"}, 1},
			{"podinfo_plugin_calls_total", []string{"method=decode", "result=canceled"}, 1},
			{"podinfo_plugin_calls_total", []string{"method=decode", "result=ok"}, 0},
			{"podinfo_plugin_call_duration_seconds", []string{"method=encode"}, 4},
			{"podinfo_plugin_calls_in_flight", nil, 0},
			{"podinfo_plugin_restarts_total", nil, 3},
			{"podinfo_plugin_reloads_total", []string{"result=ok"}, 1},
			{"podinfo_plugin_reloads_total", []string{"result=failed"}, 0},
			{"podinfo_plugin_retries_total", nil, 1},
		} {
			got, found := value(t, registry, c.name, append(c.labels, plugin)...)
			if !found || got != c.want {
				t.Errorf("%s %v is %v, want %v; there: %t", c.name, c.labels, got, c.want, found)
			}
		}
		if memory, _ := value(t, registry, "podinfo_plugin_memory_bytes", plugin); memory < 1<<20 {
			t.Errorf("it has %v bytes of memory", memory)
		}
		if _, err := h.Kill(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if up, found := value(t, registry, "podinfo_plugin_up", plugin); up != 0 || !found {
			t.Errorf("killed it is up: %v, %t", up, found)
		}
		if err := h.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if hasSeries(t, registry, name) {
			t.Error("its metrics outlive the host")
		}
	})
}

// kill kills the process of a plugin from outside and waits until there is another one.
func kill(t *testing.T, h *host.Host, name string) {
	t.Helper()
	old := await(t, h, name, contract.Ready)
	if err := syscall.Kill(old.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, "another process serves", func() bool {
		s, err := h.Get(name)
		return err == nil && s.State == contract.Ready && s.PID != old.PID
	})
}

func TestSpansReachIntoThePlugin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		spans := tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
		h, _ := serve(t, name, func(o *host.Options) { o.Tracer = provider })
		status := await(t, h, name, contract.Ready)
		ctx, parent := provider.Tracer("test").Start(t.Context(), "request")
		got, err := h.Encode(ctx, name, "trace")
		if err != nil || got != parent.SpanContext().TraceID().String() {
			t.Errorf("the plugin is in the trace %v, %v", got, err)
		}
		if _, err := h.Encode(ctx, name, "refuse"); err == nil {
			t.Error("the plugin does not refuse")
		}
		if _, err := h.Decode(ctx, name, nil); err != nil {
			t.Error(err)
		}
		if _, err := h.Encode(ctx, name, "exit"); !errors.Is(err, contract.ErrDied) {
			t.Error(err)
		}
		stubs := spans.GetSpans()
		if len(stubs) != 4 {
			t.Fatalf("there are %d spans, want 4", len(stubs))
		}
		for i, want := range []struct {
			name, kind string
			retry      bool
		}{
			{"plugin.encode", "", false}, {"plugin.encode", "refused", false}, {"plugin.decode", "", false},
			{"plugin.encode", "died", true},
		} {
			s := stubs[i]
			has := attribute.NewSet(s.Attributes...)
			if s.Name != want.name || s.SpanKind != trace.SpanKindClient || s.Parent.SpanID() != parent.SpanContext().SpanID() {
				t.Errorf("span %d is %q of kind %s", i, s.Name, s.SpanKind)
			}
			for key, value := range map[attribute.Key]attribute.Value{
				"plugin.name": attribute.StringValue(name), "plugin.sha256": attribute.StringValue(status.SHA256),
				"plugin.transport": attribute.StringValue(string(status.Transport)),
				"plugin.retry":     attribute.BoolValue(want.retry),
			} {
				if got, _ := has.Value(key); got != value {
					t.Errorf("span %d has %s %v, want %v", i, key, got, value)
				}
			}
			if got, _ := has.Value("error.type"); got.AsString() != want.kind {
				t.Errorf("span %d has the error %q, want %q", i, got.AsString(), want.kind)
			}
			if failed := s.Status.Code == codes.Error; failed != (want.kind != "") {
				t.Errorf("span %d has the status %v", i, s.Status)
			}
		}
	})
}

func TestCrashIsLoggedWithItsCauseAndProcess(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		log, logs := test.NewNullLogger()
		h, _ := serve(t, name, func(o *host.Options) { o.Log = log })
		pid := await(t, h, name, contract.Ready).PID
		if _, err := h.Encode(t.Context(), name, "exit"); !errors.Is(err, contract.ErrDied) {
			t.Fatal(err)
		}
		var crash, lost bool
		for _, e := range logs.AllEntries() {
			err, _ := e.Data["error"].(error)
			if err == nil || e.Data["plugin"] != name || e.Data["pid"] != pid {
				continue
			}
			crash = crash || e.Message == "plugin crashed" && strings.Contains(err.Error(), "exit status 3")
			lost = lost || strings.HasPrefix(e.Message, "plugin's connection was lost")
		}
		if !crash || !lost {
			t.Errorf("the crash is told: %t, the lost call: %t", crash, lost)
		}
	})
}
