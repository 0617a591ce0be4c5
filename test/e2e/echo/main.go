// Command echo is a plugin that tells which version of it runs in which pod: "one web-podinfo-5d8f9c7b6-k7w2m". The
// version is set when it is linked, so that two of its files differ as little as two releases do.
package main

import (
	"context"
	"os"

	"github.com/podinfo-targets/podinfo/shared/plugin"
)

var version = "none" // by -ldflags "-X main.version=one"

func main() { plugin.Serve(echo{}) }

type echo struct{}

func (echo) Info(context.Context) (plugin.Info, error) {
	return plugin.Info{Name: "echo", Version: version, ContentType: "text/plain"}, nil
}

func (echo) Encode(context.Context, any) (any, error) {
	pod, err := os.Hostname()
	return []byte(version + " " + pod), err
}

// Decode returns what it is given, but for the bytes "late", which it keeps for as long as the host waits.
func (echo) Decode(ctx context.Context, value any) (any, error) {
	if given, ok := value.([]byte); ok && string(given) == "late" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return value, nil
}
