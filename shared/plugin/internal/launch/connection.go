package launch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

// connection is go-plugin's part of a process. Most of what go-plugin offers takes no context and waits for ever for a
// plugin that does not answer. It all ends with the process, so that the process is ended where there is no other way.
type connection struct {
	config *goplugin.ClientConfig
	client *goplugin.Client
	runner *runner

	protocol chan goplugin.ClientProtocol // holds it while nobody uses it
	closing  chan struct{}                // closed when the plugin is about to be asked to end
	wire     wire.Client
	info     contract.Info
}

func newConnection(config *goplugin.ClientConfig, r *runner) *connection {
	return &connection{
		config: config, client: goplugin.NewClient(config), runner: r,
		protocol: make(chan goplugin.ClientProtocol, 1), closing: make(chan struct{}),
	}
}

// connect does all that a plugin must do before it is one. When ctx ends the process is killed.
func (c *connection) connect(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.runner.abort)()
	done := make(chan error, 1)
	go func() { done <- c.introduce(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return errors.Join(ctx.Err(), err)
	case <-time.After(patience):
		return ctx.Err()
	}
}

// introduce starts the process and asks the plugin what it is.
func (c *connection) introduce(ctx context.Context) error {
	protocol, err := c.dial(ctx)
	if err != nil {
		return err
	}
	c.protocol <- protocol
	dispensed, err := protocol.Dispense(wire.Dispensed)
	if err != nil {
		return err
	}
	client, ok := dispensed.(wire.Client)
	if !ok {
		return fmt.Errorf("the plugin set has a %T under %q", dispensed, wire.Dispensed)
	}
	c.wire = client
	if c.info, err = client.Info(ctx); err != nil {
		return fmt.Errorf("ask the plugin what it is: %w", err)
	}
	return c.ping(ctx)
}

// dial starts the process and connects to it.
func (c *connection) dial(ctx context.Context) (goplugin.ClientProtocol, error) {
	address, err := c.client.Start()
	if err != nil {
		return nil, err
	}
	if c.runner.binary.Name.Transport == contract.GRPC {
		return c.client.Client()
	}
	// Over net/rpc go-plugin would do the same as this, but for what yamuxConn changes.
	var d net.Dialer
	raw, err := d.DialContext(ctx, address.Network(), address.String())
	if err != nil {
		return nil, err
	}
	var conn net.Conn = yamuxConn{raw, c.closing, c.runner.exited()}
	if c.config.TLSConfig != nil {
		conn = tls.Client(conn, c.config.TLSConfig)
	}
	client, err := goplugin.NewRPCClient(wire.Guard(conn, c.runner.expel), c.config.Plugins)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return client, client.SyncStreams(c.config.SyncStdout, c.config.SyncStderr)
}

// ping has one question under way at a time, so that a plugin that never answers holds one goroutine until it is
// killed, however often it is asked.
func (c *connection) ping(ctx context.Context) error {
	var protocol goplugin.ClientProtocol
	select {
	case protocol = <-c.protocol:
	case <-ctx.Done():
		return ctx.Err()
	}
	answer := make(chan error, 1)
	go func() {
		err := protocol.Ping()
		c.protocol <- protocol
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close asks the plugin to end, when there is a connection, and returns when process and connection have ended.
func (c *connection) close() {
	close(c.closing)
	select {
	case protocol := <-c.protocol:
		_ = protocol.Close() // of a process that may have ended already
		c.protocol <- protocol
	case <-c.runner.exited(): // a ping is under way, or there never was a connection
	}
	<-c.runner.exited()
	c.client.Kill() // which would connect anew to a process that lives
}

// yamuxConn is the connection to a plugin over net/rpc, which spares us two habits of yamux. A plugin that cannot be
// written to has ended, which is noticed by reading from it: yamux would write a line to our standard error. And a
// stream that is closed on this side first is kept for five minutes, with its session, in case the other side still has
// something to say: a plugin that was asked to end has only that it has ended.
type yamuxConn struct {
	net.Conn
	closing, exited <-chan struct{}
}

func (c yamuxConn) Write(b []byte) (int, error) {
	_, _ = c.Conn.Write(b)
	return len(b), nil
}

func (c yamuxConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.closing:
		<-c.exited
		return 0, io.EOF
	default:
		return n, err
	}
}
