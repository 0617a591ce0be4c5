package plugin

import (
	"context"
	"os"
	"sync"
)

// printing makes what the plugin prints reach the host's log by the process's stderr, which also has the last words of
// a process that dies. go-plugin replaces os.Stdout and os.Stderr by pipes of its own when it starts to serve, which
// the first call is the first chance to undo. Stdout becomes stderr, since nobody reads it after the handshake.
//
// A host connects once and then calls, so that go-plugin reads os.Stderr for its connection before it is written here.
type printing struct {
	Protocol
	restore func()
}

func newPrinting(p Protocol) *printing {
	stderr := os.Stderr
	return &printing{p, sync.OnceFunc(func() { os.Stdout, os.Stderr = stderr, stderr })}
}

func (p *printing) Info(ctx context.Context) (Info, error) {
	p.restore()
	return p.Protocol.Info(ctx)
}

func (p *printing) Encode(ctx context.Context, value any) (any, error) {
	p.restore()
	return p.Protocol.Encode(ctx, value)
}

func (p *printing) Decode(ctx context.Context, value any) (any, error) {
	p.restore()
	return p.Protocol.Decode(ctx, value)
}
