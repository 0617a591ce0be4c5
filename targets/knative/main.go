// Command podinfo-knative serves the podinfo API as a revision of Knative Serving, or of Cloud Run, which keeps the
// same container contract (https://github.com/knative/specs/blob/main/specs/serving/runtime-contract.md): everything on
// the one port that the platform names in PORT, be it HTTP/1.1, HTTP/2 without TLS, websockets or gRPC, and metrics on
// a second one, for those who can reach the pod itself.
package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlp"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/targets/internal/grpcapi"
	"github.com/podinfo-targets/podinfo/targets/internal/pluginhost"
	"github.com/podinfo-targets/podinfo/targets/internal/server"
)

// idleTimeout is longer than queue-proxy keeps idle connections, which is 90 s: a connection that the app closes may be
// closed under a request that is on its way.
const idleTimeout = 10 * time.Minute

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, signals))
}

// run is the whole program, from the command line to the exit code.
func run(args, environ []string, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	cfg, err := config.Load(args, environ, target())
	if err != nil {
		return config.Report(stdout, stderr, err)
	}
	r := newRevision(environ)
	a, err := app.New(cfg, app.Options{
		Environ: environ, Stderr: stderr, Exporters: exporters, Exit: os.Exit,
		Platform: r.fields(), Attributes: r.attributes(), Plugins: pluginhost.Open,
	})
	if err != nil {
		return config.Report(stdout, stderr, err)
	}
	s, err := server.Open(options(a, r))
	if err != nil {
		a.Log.SetLevel(max(a.Log.GetLevel(), logrus.FatalLevel)) // At --level=panic nobody would learn why nothing runs.
		a.Log.WithError(err).Log(logrus.FatalLevel, "failed to listen")
		a.Abandon()
		return 1
	}
	a.Log.WithFields(logrus.Fields{
		"version": a.Identity.Version, "revision": a.Identity.Revision, "port": cfg.Port, "k_revision": r.name,
	}).Info("Starting podinfo")
	return s.Run(signals)
}

// target is what the platform changes about the settings. It ends TLS itself and has one port to offer, which answers
// HTTP/2 whether the revision calls it http1 or h2c. The metrics keep clear of queue-proxy's ports: 8008, 8012, 8013,
// 8022, 8112, 9090 and 9091. A revision's pod may take as long to end as its requests may take, 300 s unless it says
// otherwise. The hook before SIGTERM takes 30 s of them at least (see linger.go), and --shutdown-delay and the last
// flush take theirs.
func target() config.Target {
	return config.Target{
		Name:        "podinfo-knative",
		Environment: map[string]string{"port": "PORT"},
		Defaults: map[string]string{
			"port": "8080", "h2c": "true", "port-metrics": "9797", "server-shutdown-timeout": "265s",
		},
		Offers:   config.Plugins(),
		Withheld: []string{"cert-path", "grpc-port", "h2c", "secure-port"},
	}
}

// exporters sends telemetry over OTLP, by gRPC or HTTP as the standard OTEL_* variables say.
func exporters() (telemetry.Exporters, error) { return otlp.Exporters(os.Getenv) }

// options says what listens where.
func options(a *app.App, r revision) server.Options {
	cfg := a.Config
	return server.Options{
		Host: cfg.Host, Port: cfg.Port, MetricsPort: cfg.MetricsPort, H2C: cfg.H2C,
		Timeout: cfg.HTTPServerTimeout, IdleTimeout: idleTimeout,
		ShutdownDelay: cfg.ShutdownDelay, ShutdownTimeout: cfg.ServerShutdownTimeout,
		API: a.API, GRPC: grpcapi.New(a, os.Exit), ShareGRPC: true,
		Metrics: a.Metrics.Handler(), Health: a.Health, Log: a.Log, Linger: linger(a, r), Close: a.Close,
	}
}
