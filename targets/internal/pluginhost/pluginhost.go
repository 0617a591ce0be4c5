// Package pluginhost opens the host of plugins of an assembled podinfo, for the targets that can run them. It stands
// apart from package app so that the others carry no plugin library.
package pluginhost

import (
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
)

// megabyte is the unit of --plugin-max-memory.
const megabyte = 1_000_000

// Open starts the plugins of a's configuration and returns at once: they come up in the background.
func Open(a *app.App) (app.PluginHost, error) {
	cfg := a.Config
	o := host.Options{
		Dir: cfg.PluginsPath, StageDir: cfg.PluginsStagePath, Checksums: cfg.PluginChecksums,
		Poll: cfg.PluginsPollInterval, CallTimeout: cfg.PluginCallTimeout, MaxCalls: cfg.PluginMaxCalls,
		MaxFile: cfg.PluginMaxFileSize, MTLS: cfg.PluginMTLS,
		Limits: host.Limits{Memory: uint64(cfg.PluginMaxMemory) * megabyte}, //nolint:gosec // never below zero
		Caller: caller{cache: a.Cache, configs: a.Configs, log: a.Log},
		Log:    a.Log, Metrics: a.Metrics.Registry(),
	}
	if a.Providers != nil {
		o.Tracer = a.Providers.TracerProvider()
	}
	h, err := host.Open(o)
	if err != nil {
		return nil, err // A nil *host.Host would be an app.PluginHost that is not nil.
	}
	return h, nil
}
