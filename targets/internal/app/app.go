// Package app assembles podinfo: from the configuration it makes the dependencies, from those the API, and it closes
// them in order. What differs between platforms is passed in as Options; the rest is the same everywhere.
package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/handlers/ui"
	"github.com/podinfo-targets/podinfo/shared/backend"
	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/configs"
	"github.com/podinfo-targets/podinfo/shared/env"
	"github.com/podinfo-targets/podinfo/shared/faults"
	"github.com/podinfo-targets/podinfo/shared/health"
	"github.com/podinfo-targets/podinfo/shared/info"
	"github.com/podinfo-targets/podinfo/shared/logging"
	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/store"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/token"
	"github.com/podinfo-targets/podinfo/shared/version"
)

// Options is what a target brings.
type Options struct {
	Environ []string       // the process's environment, NAME=value
	Stderr  io.Writer      // where the log goes
	Exit    func(code int) // ends the process
	// Exporters says where traces, metrics and logs are sent. It is asked only when tracing is on.
	Exporters func() (telemetry.Exporters, error)
	// Attributes tell the platform's names for this instance in everything that is exported.
	Attributes []attribute.KeyValue
	// Platform tells the same to the readers of /api/info.
	Platform []info.Field
	// Layout names the parts of a log line. Its zero value stands for [logging.Standard].
	Layout logging.Layout
	// Observe gets every request that is counted, with its context and in the goroutine that served it. Nil is none.
	Observe func(context.Context, telemetry.Observation)
	// Plugins opens the host of --plugins-path, when there is one, for an app that is complete but for its API. Nil is a
	// target that can run no plugins, whose Withheld says why.
	Plugins  func(*App) (PluginHost, error)
	Withheld map[handlers.Capability]string
}

// PluginHost is a host of plugins that App closes.
type PluginHost interface {
	contract.Manager
	// Close lets the calls in flight finish until ctx ends, and ends all plugins.
	Close(ctx context.Context) error
}

// noPlugins is for those who ask for plugins where they could be.
const noPlugins = "no plugins are loaded here; start podinfo with --plugins-path or PODINFO_PLUGINS_PATH, " +
	"which names their directory"

// closeTime is what Close gets where nobody else says how long it may take.
const closeTime = 3 * time.Second

// lastFlush is for the last telemetry when there is no time left for it.
const lastFlush = 500 * time.Millisecond

// App is an assembled podinfo. Its parts are there for the target to serve; Close releases them.
type App struct {
	Config    *config.Config
	Identity  info.Identity
	Log       *logrus.Logger
	Metrics   *telemetry.Metrics
	Providers *telemetry.Providers // nil when tracing is off
	Health    *health.State
	Tokens    *token.Issuer
	Environ   func() []string // masked
	Cache     cache.Cache
	Configs   func() map[string]string // the mounted configuration files by name
	API       *handlers.API

	Plugins     contract.Manager // nil when there is none
	PluginAdmin admin.Gate       // for those who may manage them

	closers []func(context.Context) // in the order of opening
}

// New assembles podinfo. It fails only where going on would be wrong; what can be mended while the process runs, such
// as a cache that is not reachable, is logged.
func New(cfg *config.Config, o Options) (*App, error) {
	a := &App{
		Config: cfg,
		Identity: info.Identity{
			Hostname: cfg.Hostname, Version: version.Version, Revision: version.Revision,
			Color: cfg.UIColor, Logo: cfg.UILogo, Message: cfg.UIMessage,
			Platform: o.Platform,
		},
		Log:     newLog(cfg, o),
		Metrics: telemetry.NewMetrics(telemetry.WithSink(o.Observe)),
		Health:  health.New(!cfg.Unhealthy, !cfg.Unready),
		Tokens:  token.NewIssuer(cfg.JWTSecret),
		Environ: func() []string { return env.List(o.Environ, cfg.EnvShowSecrets) },

		PluginAdmin: admin.New(cfg.PluginAdminToken, cfg.ReadOnly),
	}
	if cfg.JWTSecret == config.DefaultJWTSecret {
		a.Log.Warn("tokens are signed with the well-known default secret; set PODINFO_JWT_SECRET to one of your own")
	}
	if err := a.startTelemetry(o); err != nil {
		return nil, err
	}
	a.startStress()
	a.Configs = a.openConfigs()
	a.Cache = a.openCache()
	if err := a.openPlugins(o); err != nil {
		a.Abandon()
		return nil, err
	}
	a.API = handlers.New(a.deps(o))
	return a, nil
}

// Close releases everything in the reverse order of opening, telemetry last, so that what the others have to tell
// still gets out. It ends with ctx, or soon after it when a part hangs.
func (a *App) Close(ctx context.Context) {
	for i := len(a.closers) - 1; i >= 0; i-- {
		a.closers[i](ctx)
	}
}

// atLeast returns ctx, or, when that has ended, one that lasts that long: what was closed before may have hung, as
// plugins do on a volume that does not answer.
func atLeast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}

// Abandon closes an app that never served, in the time that this may take.
func (a *App) Abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	a.Close(ctx)
}

func (a *App) onClose(f func(context.Context)) { a.closers = append(a.closers, f) }

func newLog(cfg *config.Config, o Options) *logrus.Logger {
	if o.Layout.LevelName == nil {
		return logging.New(o.Stderr, cfg.Level)
	}
	return logging.NewWithLayout(o.Stderr, cfg.Level, o.Layout)
}

func (a *App) startTelemetry(o Options) error {
	if a.Config.OTelServiceName == "" {
		return nil
	}
	exporters, err := o.Exporters()
	if err != nil {
		return fmt.Errorf("cannot export telemetry: %w", err)
	}
	providers, err := telemetry.Start(context.Background(), telemetry.Options{
		ServiceName: a.Config.OTelServiceName, ServiceVersion: version.Version, Attributes: o.Attributes,
		Exporters: exporters, Metrics: a.Metrics, Log: a.Log,
	})
	if err != nil {
		return fmt.Errorf("cannot start OpenTelemetry: %w", err)
	}
	a.Providers = providers
	a.onClose(func(ctx context.Context) {
		ctx, cancel := atLeast(ctx, lastFlush)
		defer cancel()
		if err := providers.Shutdown(ctx); err != nil {
			a.Log.WithError(err).Warn("telemetry not flushed")
		}
	})
	return nil
}

func (a *App) startStress() {
	if a.Config.StressCPU == 0 && a.Config.StressMemory == 0 {
		return
	}
	stop := faults.StartStress(faults.StressOptions{CPU: a.Config.StressCPU, MemoryMB: a.Config.StressMemory}, a.Log)
	a.onClose(func(context.Context) { stop() })
}

func (a *App) deps(o Options) handlers.Deps {
	cfg := a.Config
	return handlers.Deps{
		Identity:      a.Identity,
		Prefix:        cfg.Prefix,
		MaxBody:       cfg.MaxBodySize,
		ServerTimeout: cfg.HTTPServerTimeout,
		LogRequests:   cfg.LogRequests,
		ReadOnly:      cfg.ReadOnly,
		Environ:       a.Environ,
		Configs:       a.Configs,
		Exit:          o.Exit,
		Log:           a.Log,
		Metrics:       a.Metrics,
		Providers:     a.Providers,
		Health:        a.Health,
		Faults:        a.newFaults(),
		Cache:         a.Cache,
		Store:         store.Open(cfg.DataPath, cfg.StoreMaxSize),
		Tokens:        a.Tokens,
		Backends:      a.newBackends(),
		UI:            a.openUI(),
		Plugins:       a.Plugins,
		PluginAdmin:   a.PluginAdmin,
		PluginTimeout: cfg.PluginCallTimeout,
		Withheld:      a.withheld(o),
	}
}

// withheld adds to what the target cannot do what it was not asked to do.
func (a *App) withheld(o Options) map[handlers.Capability]string {
	if a.Plugins != nil || o.Withheld[handlers.Plugins] != "" {
		return o.Withheld
	}
	reasons := map[handlers.Capability]string{handlers.Plugins: noPlugins}
	maps.Copy(reasons, o.Withheld)
	return reasons
}

// openPlugins opens the host of plugins. They are closed before what they may call.
func (a *App) openPlugins(o Options) error {
	if o.Plugins == nil || a.Config.PluginsPath == "" {
		return nil
	}
	plugins, err := o.Plugins(a)
	if err != nil {
		return fmt.Errorf("cannot run plugins: %w", err)
	}
	a.Plugins = plugins
	a.onClose(func(ctx context.Context) {
		if err := plugins.Close(ctx); err != nil {
			a.Log.WithError(err).Warn("plugins not ended in time")
		}
	})
	return nil
}

// openConfigs watches the directory of mounted configuration. One that is not there leaves /configs empty. A config
// file with secrets in it is left out of what everybody, and every plugin, can read.
func (a *App) openConfigs() func() map[string]string {
	none := func() map[string]string { return map[string]string{} }
	if a.Config.ConfigPath == "" {
		return none
	}
	watcher, err := configs.Open(a.Config.ConfigPath, a.Log)
	if err != nil {
		a.Log.WithError(err).Warn("--config-path is not watched; /configs stays empty")
		return none
	}
	a.onClose(func(context.Context) { _ = watcher.Close() })
	if !a.Config.ConfigSecret {
		return watcher.All
	}
	file := filepath.Clean(a.Config.ConfigFile)
	a.Log.Warnf("%s holds a secret, so that /configs does not show it; better keep secrets in variables", file)
	return func() map[string]string {
		shown := maps.Clone(watcher.All())
		delete(shown, file)
		return shown
	}
}

// openCache opens the cache and keeps this instance's own key in it fresh.
func (a *App) openCache() cache.Cache {
	c, err := cache.Open(a.Config.CacheServer, a.cacheOptions())
	if err != nil {
		a.Log.WithError(err).Warn("cache server is offline")
		return c
	}
	a.onClose(func(context.Context) { _ = c.Close() })
	if a.Config.CacheServer == "" {
		return c
	}
	heartbeat := cache.StartHeartbeat(c, cache.HeartbeatOptions{
		Key: a.Config.Hostname, Value: version.Version, Server: a.Config.CacheServer, Log: a.Log,
	})
	a.onClose(func(context.Context) { heartbeat.Close() })
	return c
}

// cacheOptions traces the cache's commands only when tracing is on, for even spans that go nowhere cost something.
func (a *App) cacheOptions() cache.Options {
	if a.Providers == nil {
		return cache.Options{}
	}
	return cache.Options{TracerProvider: a.Providers.TracerProvider()}
}

func (a *App) newBackends() *backend.Client {
	client := backend.New(backend.Options{
		URLs: a.Config.BackendURLs, Timeout: a.Config.HTTPClientTimeout,
		Transport: a.Providers.Transport(backend.NewTransport()),
		Version:   version.Version, Revision: version.Revision, Log: a.Log,
	})
	a.onClose(func(context.Context) { client.Close() })
	return client
}

func (a *App) newFaults() *faults.Injector {
	return faults.New(faults.Options{
		RandomDelay: a.Config.RandomDelay, DelayUnit: a.Config.RandomDelayUnit,
		DelayMin: a.Config.RandomDelayMin, DelayMax: a.Config.RandomDelayMax, RandomError: a.Config.RandomError,
	})
}

// openUI opens the web page: the embedded one, unless the user named a directory of their own.
func (a *App) openUI() *ui.UI {
	if !a.Config.UIPathSet {
		return ui.Open("")
	}
	return ui.Open(a.Config.UIPath)
}
