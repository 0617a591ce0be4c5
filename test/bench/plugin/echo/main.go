// Command echo is a plugin of podinfo that answers with what it gets: what is measured of plugins.
package main

import (
	"context"

	"github.com/podinfo-targets/podinfo/shared/plugin"
)

func main() { plugin.Serve(echo{}) }

type echo struct{}

func (echo) Info(context.Context) (plugin.Info, error)        { return plugin.Info{Name: "echo"}, nil }
func (echo) Encode(_ context.Context, value any) (any, error) { return value, nil }
func (echo) Decode(_ context.Context, value any) (any, error) { return value, nil }
