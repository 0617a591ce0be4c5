package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"slices"
	"strings"
	"sync"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// maxAbandoned bounds the calls that nobody waits for any more and the plugin has not answered yet, each of which costs
// memory. A plugin that is worth its connection answers some time.
const maxAbandoned = 1024

var errAbandoned = fmt.Errorf("the plugin left %d calls unanswered", maxAbandoned)

// rpcClient is the Client over net/rpc. A call ends with its context, whatever the plugin does: the writing is left to a
// goroutine of its own, because a plugin that does not read makes it wait, and a half-written call cannot be taken back.
type rpcClient struct {
	limit int
	conn  *boundedConn
	rpc   *rpc.Client
	queue chan *pending

	mu        sync.Mutex
	abandoned []*pending
}

// pending is a call that waits for its answer.
type pending struct {
	method   string
	request  *Request
	response any
	done     chan *rpc.Call
}

// newRPCClient returns a Client that takes values up to limit bytes. It ends with the connection.
func newRPCClient(stream net.Conn, limit int) *rpcClient {
	conn := newBoundedConn(stream, limit+overhead)
	c := &rpcClient{limit: limit, conn: conn, rpc: rpc.NewClient(conn), queue: make(chan *pending)}
	go c.write()
	return c
}

// write sends the calls until the connection ends.
func (c *rpcClient) write() {
	for {
		select {
		case p := <-c.queue:
			call := c.rpc.Go(methodPrefix+p.method, p.request, p.response, p.done)
			call.Args = nil // it was written, and the answer may take long
		case <-c.conn.gone:
			return
		}
	}
}

func (c *rpcClient) Info(ctx context.Context) (contract.Info, error) {
	var response Introduction
	if err := c.call(ctx, "Info", nil, &response); err != nil {
		return contract.Info{}, err
	}
	if response.Outcome != 0 {
		return contract.Info{}, (&failure{outcome(response.Outcome), response.Text}).error()
	}
	return checkInfo(response.Info)
}

func (c *rpcClient) Encode(ctx context.Context, value any) (any, error) {
	return c.transform(ctx, "Encode", value)
}

func (c *rpcClient) Decode(ctx context.Context, value any) (any, error) {
	return c.transform(ctx, "Decode", value)
}

func (c *rpcClient) transform(ctx context.Context, method string, value any) (any, error) {
	argument, err := marshal(value, c.limit)
	if err != nil {
		return nil, err
	}
	var response Response
	if err := c.call(ctx, method, argument, &response); err != nil {
		return nil, err
	}
	if response.Outcome != 0 {
		return nil, (&failure{outcome(response.Outcome), response.Text}).error()
	}
	return result(response.Value)
}

// call waits for the answer, or for the end of ctx.
func (c *rpcClient) call(ctx context.Context, method string, argument []byte, response any) error {
	p := &pending{method, newRequest(ctx, argument), response, make(chan *rpc.Call, 1)}
	select {
	case c.queue <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.conn.gone:
		return &lostError{rpc.ErrShutdown}
	}
	select {
	case call := <-p.done:
		return c.callError(call.Error)
	case <-ctx.Done():
		c.abandon(p)
		return ctx.Err()
	}
}

// callError tells what ended a call, and ends the connection if it is of no use any more: net/rpc only stops to read.
func (c *rpcClient) callError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[rpc.ServerError](err); ok {
		return unusable(errors.New(printable(err.Error())))
	}
	c.conn.fail(err)
	// net/rpc makes a text of the error with which it could not read this call's answer; the others get the error itself.
	if reason, found := strings.CutPrefix(err.Error(), "reading body "); found {
		return unusable(errors.New(printable(reason)))
	}
	return &lostError{err}
}

// abandon remembers a call that nobody waits for any more, and gives the connection up when there are too many.
func (c *rpcClient) abandon(p *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answered := func(a *pending) bool { return len(a.done) > 0 }
	c.abandoned = slices.DeleteFunc(append(c.abandoned, p), answered)
	if len(c.abandoned) >= maxAbandoned {
		c.conn.fail(errAbandoned)
	}
}
