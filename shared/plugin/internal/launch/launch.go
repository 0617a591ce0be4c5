// Package launch runs one process of one plugin: it starts the file, agrees with it on how to talk, keeps what it
// writes in our log, and ends it with everything that it started.
//
// The wire is go-plugin's, the process is package proc's. Between the two stands a runner that believes the plugin
// nothing: go-plugin gets to see one line of it, the handshake, after that was checked to be one that it survives.
package launch

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/proc"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

const (
	// grace is how long a plugin that is asked to end may take before it is killed.
	grace = 2 * time.Second
	// patience bounds what should end at once, because the process whose sockets and pipes it waits for is gone.
	patience = 5 * time.Second
	// startTimeout is for Options without one.
	startTimeout = 10 * time.Second
	// longestSocket is the length that the path of a Unix socket may have on every platform, less the 104th byte, which
	// ends it: https://man.freebsd.org/cgi/man.cgi?unix(4).
	longestSocket = 103
	// longestName is what go-plugin may add to Options.Dir: a directory and a file in it, each with a random uint32.
	longestName = "/plugin-dir4294967295/plugin4294967295"
)

// Limits bound what a plugin's process may take.
type Limits = proc.Limits

// Options are what all plugins of a host have in common.
type Options struct {
	// Log gets what the plugins write, a line each, with the plugin's name in the field plugin.
	Log *logrus.Logger
	// MTLS has host and plugin authenticate each other by certificates that are made for the occasion.
	MTLS bool
	// Dir is a private directory that exists. Each process has a directory of its own there while it runs, for sockets
	// and temporary files. Its path has up to 65 bytes, as that of a Unix socket cannot be long.
	Dir string
	// StartTimeout bounds Start; 0 is 10 seconds.
	StartTimeout time.Duration
	Limits       Limits
	// Caller is what the plugins may call. What they have it log is as limited as what they write.
	Caller contract.Caller
	// Environ is the environment of the host, of which the plugins see no more than Environ of this package lets
	// through.
	Environ []string
}

// Binary is the file of a plugin.
type Binary struct {
	Name   contract.Name
	Path   string // of the file to run
	SHA256 string // of what is in it
}

// Process is a plugin that runs, or has run.
type Process struct {
	runner     *runner
	connection *connection

	hurry chan struct{} // closed when there is no time for grace
	rush  sync.Once
	stop  chan struct{} // closed to end the process
	ask   sync.Once
	ended chan struct{} // closed when nothing is left
}

// Start starts the plugin and returns once it has said what it is. When it fails nothing is left of the process. The
// time for all of it is up with ctx, or after o.StartTimeout.
func Start(ctx context.Context, o Options, b Binary) (*Process, error) {
	if n := len(o.Dir) + len(longestName); n > longestSocket {
		return nil, fmt.Errorf("the directory %q for the sockets of plugins is %d bytes too long: the path of a Unix "+
			"socket has at most %d; choose a shorter one, by TMPDIR for example", o.Dir, n-longestSocket, longestSocket)
	}
	if o.StartTimeout <= 0 {
		o.StartTimeout = startTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	p := &Process{
		runner: newRunner(o, b),
		hurry:  make(chan struct{}),
		stop:   make(chan struct{}),
		ended:  make(chan struct{}),
	}
	p.connection = newConnection(config(o, p.runner), p.runner)
	if err := p.connection.connect(ctx); err != nil {
		close(p.hurry)
		close(p.stop)
		p.end()
		return nil, p.runner.fault(ctx, err)
	}
	go p.end()
	return p, nil
}

// config is used for one client, as go-plugin asks.
func config(o Options, r *runner) *goplugin.ClientConfig {
	c := &goplugin.ClientConfig{
		HandshakeConfig:  wire.Handshake(),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolNetRPC, goplugin.ProtocolGRPC},
		RunnerFunc:       r.prepare,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: o.Dir},
		SkipHostEnv:      true,
		AutoMTLS:         o.MTLS,
		StartTimeout:     o.StartTimeout,
		SyncStdout:       r.output.writer("stdout"),
		SyncStderr:       r.output.writer("stderr"),
		Logger:           r.chatter,
		GRPCDialOptions:  wire.DialOptions(),
	}
	c.VersionedPlugins = wire.Only(r.binary.Name.Transport, wire.ClientSets(wire.ClientOptions{
		Caller: limitCaller(o.Caller, r.output),
		TLS:    func() *tls.Config { return c.TLSConfig }, // which go-plugin makes with the handshake
	}))
	return c
}

// Client is for calls of the plugin. After the process's end each fails with an error for which wire.Lost is true.
func (p *Process) Client() wire.Client { return p.connection.wire }

// Info is what the plugin said of itself when it was started.
func (p *Process) Info() contract.Info { return p.connection.info }

// PID is the number of the process.
func (p *Process) PID() int { return p.runner.process.PID() }

// Exited is closed once the process is gone, for whatever reason.
func (p *Process) Exited() <-chan struct{} { return p.runner.process.Exited() }

// Exit says how the process ended, such as "exit status 3" or "signal: killed". It is empty before that.
func (p *Process) Exit() string { return p.runner.process.Exit() }

// Memory is what the process has resident, in bytes, or 0 when that is not known.
func (p *Process) Memory() uint64 { return p.runner.process.Memory() }

// Ping fails when the plugin does not answer before ctx ends, or cannot any more.
func (p *Process) Ping(ctx context.Context) error { return p.connection.ping(ctx) }

// Kill asks the plugin to end, kills it after two seconds, or once ctx ends, with all its descendants, and removes its
// directory. It returns when that is done, and may be called at any time, by several at once and again.
func (p *Process) Kill(ctx context.Context) {
	p.ask.Do(func() { close(p.stop) })
	select {
	case <-p.ended:
		return
	case <-ctx.Done():
	}
	p.rush.Do(func() { close(p.hurry) })
	<-p.ended
}

// end waits for the end of the process, or for the order to end it, and clears up after it.
func (p *Process) end() {
	defer close(p.ended)
	select {
	case <-p.stop:
	case <-p.runner.exited():
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.connection.close()
	}()
	p.runner.await(p.hurry)
	if !within(patience, closed) {
		p.runner.log.Error("The connection to the plugin does not close, though its process is gone")
	}
	p.runner.clear()
}

// within tells whether c is closed before the time is up.
func within(d time.Duration, c <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
