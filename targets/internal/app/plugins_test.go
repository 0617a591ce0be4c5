package app_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// plugins is a host of no plugins, which knows when it was closed.
type plugins struct {
	contract.Manager
	onClose func()
	closed  atomic.Bool
}

func (p *plugins) List() []contract.Status { return nil }

func (p *plugins) Close(context.Context) error {
	if !p.closed.Swap(true) { // The helper of these tests closes every app once more.
		p.onClose()
	}
	return nil
}

// TestPluginsAreClosedBeforeWhatTheyCall has a host whose plugins use the cache and the mounted files until the end.
func TestPluginsAreClosedBeforeWhatTheyCall(t *testing.T) {
	t.Parallel()
	host := &plugins{}
	a := assemble(t, app.Options{
		Exporters: tracesTo(&exporter{}, nil),
		Plugins: func(a *app.App) (app.PluginHost, error) {
			host.onClose = func() {
				if err := a.Cache.Set(context.Background(), "last", []byte("words"), 0); err != nil {
					t.Errorf("the cache was closed before the plugins: %v", err)
				}
			}
			if a.Configs == nil || a.Log == nil || a.Metrics == nil || a.Providers == nil {
				t.Error("the app was not complete when its plugins were opened")
			}
			return host, nil
		},
	}, "--plugins-path="+t.TempDir(), "--cache-server=memory://", "--otel-service-name=test")
	if status, body := a.get(t, "/plugins"); status != http.StatusOK || body != "[]" {
		t.Errorf("GET /plugins: %d %s, want what the host has", status, body)
	}
	a.Close(t.Context())
	if !host.closed.Load() {
		t.Error("the host of plugins was not closed")
	}
}

// TestTelemetryIsFlushedThoughPluginsHang has a host of plugins that takes all the time there is.
func TestTelemetryIsFlushedThoughPluginsHang(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	host, exporter := &plugins{onClose: cancel}, &exporter{}
	a := assemble(t, app.Options{
		Exporters: tracesTo(exporter, nil), Plugins: func(*app.App) (app.PluginHost, error) { return host, nil },
	}, "--plugins-path="+t.TempDir(), "--otel-service-name=test")
	if status, body := a.get(t, "/api/info"); status != http.StatusOK {
		t.Errorf("GET /api/info: %d %s", status, body)
	}
	a.Close(ctx)
	if exporter.spans.Load() == 0 || a.log.has("telemetry not flushed") {
		t.Errorf("%d spans were exported; the log says %s", exporter.spans.Load(), a.log)
	}
}

// TestWithoutPlugins has the ways in which there are none, each with its reason.
func TestWithoutPlugins(t *testing.T) {
	t.Parallel()
	open := func(*app.App) (app.PluginHost, error) {
		t.Error("a host was opened")
		return nil, errors.New("opened")
	}
	withheld := map[handlers.Capability]string{handlers.Plugins: "not on this platform", handlers.Cache: "no cache"}
	for _, test := range []struct {
		name    string
		options app.Options
		want    string
	}{
		{"not asked for", app.Options{Plugins: open}, "--plugins-path"},
		{"nothing else is withheld", app.Options{}, "--plugins-path"},
		{"withheld by the platform", app.Options{Withheld: withheld}, "not on this platform"},
		{"of something else", app.Options{Withheld: map[handlers.Capability]string{handlers.Cache: "no cache"}},
			"--plugins-path"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := assemble(t, test.options)
			if status, body := a.get(t, "/plugins"); status != http.StatusNotImplemented || !strings.Contains(body, test.want) {
				t.Errorf("GET /plugins: %d %s, want 501 and %q", status, body, test.want)
			}
			if _, other := test.options.Withheld[handlers.Cache]; other {
				if status, _ := a.get(t, "/cache/a"); status != http.StatusNotImplemented {
					t.Errorf("GET /cache/a: %d, want the 501 of what else is withheld", status)
				}
			}
		})
	}
}

func TestPluginsThatCannotBeOpenedAreAnError(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such directory")
	exporter := &exporter{}
	_, err := app.New(load(t, "--plugins-path=/nowhere", "--otel-service-name=test"), app.Options{
		Stderr: &journal{}, Exporters: tracesTo(exporter, nil),
		Plugins: func(*app.App) (app.PluginHost, error) { return nil, cause },
	})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "cannot run plugins") {
		t.Errorf("New returned %v, want %v", err, cause)
	}
	testkit.Eventually(t, patience, "what was open to be closed", exporter.closed.Load)
}
