// Package grpcapi makes the gRPC API of an assembled podinfo, for the targets that have one. It stands apart from
// package app so that the others carry no gRPC server.
package grpcapi

import (
	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
)

// New returns the gRPC server of a. Its callers may end the process with exit, unless a is read-only.
func New(a *app.App, exit func(code int)) *rpc.Server {
	if a.Config.ReadOnly {
		exit = nil
	}
	return rpc.NewServer(rpc.Deps{
		Identity: a.Identity, ServiceName: a.Config.GRPCServiceName, Environ: a.Environ, Tokens: a.Tokens, Log: a.Log,
		Metrics: a.Metrics.Registry(), Providers: a.Providers, Exit: exit,
		Plugins: a.Plugins, PluginAdmin: a.PluginAdmin,
	})
}
