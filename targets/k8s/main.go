// Command podinfo serves the podinfo API as a long-running server, the shape that Kubernetes expects: probes, metrics
// and gRPC on ports of their own, and a stop that loses no request.
package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlp"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/targets/internal/grpcapi"
	"github.com/podinfo-targets/podinfo/targets/internal/pluginhost"
	"github.com/podinfo-targets/podinfo/targets/internal/server"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, signals))
}

// run is the whole program, from the command line to the exit code.
func run(args, environ []string, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	cfg, err := config.Load(args, environ, config.Server)
	if err != nil {
		return config.Report(stdout, stderr, err)
	}
	a, err := app.New(cfg, app.Options{
		Environ: environ, Stderr: stderr, Exporters: exporters, Exit: os.Exit, Plugins: pluginhost.Open,
	})
	if err != nil {
		return config.Report(stdout, stderr, err)
	}
	s, err := server.Open(options(a))
	if err != nil {
		a.Log.SetLevel(max(a.Log.GetLevel(), logrus.FatalLevel)) // At --level=panic nobody would learn why nothing runs.
		a.Log.WithError(err).Log(logrus.FatalLevel, "failed to listen")
		a.Abandon()
		return 1
	}
	a.Log.WithFields(logrus.Fields{
		"version": a.Identity.Version, "revision": a.Identity.Revision, "port": cfg.Port,
	}).Info("Starting podinfo")
	return s.Run(signals)
}

// exporters sends telemetry over OTLP, by gRPC or HTTP as the standard OTEL_* variables say.
func exporters() (telemetry.Exporters, error) { return otlp.Exporters(os.Getenv) }

// options says what listens where.
func options(a *app.App) server.Options {
	cfg := a.Config
	o := server.Options{
		Host: cfg.Host, Port: cfg.Port, SecurePort: cfg.SecurePort, MetricsPort: cfg.MetricsPort, GRPCPort: cfg.GRPCPort,
		CertPath: cfg.CertPath, H2C: cfg.H2C, Timeout: cfg.HTTPServerTimeout,
		ShutdownDelay: cfg.ShutdownDelay, ShutdownTimeout: cfg.ServerShutdownTimeout,
		API: a.API, Metrics: a.Metrics.Handler(), Health: a.Health, Log: a.Log, Close: a.Close,
	}
	if cfg.GRPCPort > 0 {
		o.GRPC = grpcapi.New(a, os.Exit)
	}
	return o
}
