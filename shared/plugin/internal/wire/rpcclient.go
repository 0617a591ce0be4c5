package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"strings"
	"sync/atomic"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// maxAbandoned bounds the calls that nobody waits for any more and the plugin has not answered yet, each of which costs
// memory. A plugin that is worth its connection answers some time.
const maxAbandoned = 1024

var errAbandoned = fmt.Errorf("the plugin left %d calls unanswered", maxAbandoned)

// rpcClient is the Client over net/rpc. A call ends with its context, whatever the plugin does. Writing can take as
// long as the plugin does not read, and a half-written call cannot be taken back, so that a goroutine does it. Only
// when so little is unanswered that it must fit into the buffers between the processes, the caller writes by itself.
type rpcClient struct {
	limit      int
	conn       *boundedConn
	rpc        *rpc.Client
	queue      chan *pending
	unanswered atomic.Int64 // bytes of calls, at most
	abandoned  atomic.Int64 // calls that nobody waits for any more, and are not answered yet
}

// writeAhead is how many bytes may be unanswered for a call to be written at once. A stream of yamux takes at least
// 128 KiB beyond what the other side has read, and a Unix socket of Linux 208 KiB, of which each message takes about
// perCall for itself.
const (
	writeAhead = 64 << 10
	perCall    = 1 << 10
)

// pending is a call that waits for its answer.
type pending struct {
	method   string
	request  *Request
	response any
	size     int64 // as it counts for unanswered
	done     chan *rpc.Call
}

// newRPCClient returns a Client that takes values up to limit bytes. It ends with the connection.
func newRPCClient(stream net.Conn, limit int) *rpcClient {
	conn := newBoundedConn(stream, uint64(limit+overhead)) //nolint:gosec // above zero
	c := &rpcClient{limit: limit, conn: conn, rpc: rpc.NewClient(conn), queue: make(chan *pending)}
	go c.writeQueue()
	return c
}

// writeQueue writes the calls of the queue until the connection ends.
func (c *rpcClient) writeQueue() {
	for {
		select {
		case p := <-c.queue:
			c.write(p)
		case <-c.conn.gone:
			return
		}
	}
}

// write writes a call.
func (c *rpcClient) write(p *pending) {
	call := c.rpc.Go(methodPrefix+p.method, p.request, p.response, p.done)
	call.Args = nil // the answer may take long
}

// send writes a call or sees to it that it is written.
func (c *rpcClient) send(ctx context.Context, p *pending) error {
	if c.unanswered.Add(p.size) <= writeAhead {
		c.write(p)
		return nil
	}
	p.request.Value = bytes.Clone(p.request.Value) // the caller can be gone when it is written
	select {
	case c.queue <- p:
		return nil
	case <-ctx.Done():
		c.unanswered.Add(-p.size)
		return ctx.Err()
	case <-c.conn.gone:
		return &lostError{rpc.ErrShutdown}
	}
}

func (c *rpcClient) Info(ctx context.Context) (contract.Info, error) {
	var response Introduction
	if err := c.call(ctx, "Info", carrier{}, &response); err != nil {
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
	argument, err := pack(value, c.limit)
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
	return result(carrier{response.Value, response.Raw})
}

// call waits for the answer, or for the end of ctx.
func (c *rpcClient) call(ctx context.Context, method string, argument carrier, response any) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p := &pending{method, newRequest(ctx, argument), response, int64(len(argument.value)) + perCall,
		make(chan *rpc.Call, 1)}
	if err := c.send(ctx, p); err != nil {
		return err
	}
	select {
	case call := <-p.done:
		c.unanswered.Add(-p.size)
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
	ended := c.conn.failed()
	c.conn.fail(rpc.ErrShutdown)
	// net/rpc makes a text of the error with which it could not read this call's answer; the others get the error itself.
	reason, own := strings.CutPrefix(err.Error(), "reading body ")
	if !own {
		return &lostError{err}
	}
	if cut(ended) {
		return &lostError{ended}
	}
	return unusable(errors.New(printable(reason)))
}

// cut reports whether what ended the connection came in the midst of an answer with which nothing else was wrong: it
// was neither refused nor impossible to decode, upon which the first call that hears of it ends the connection.
func cut(ended error) bool {
	_, bad := errors.AsType[*boundError](ended)
	return ended != nil && !bad && !errors.Is(ended, rpc.ErrShutdown)
}

// abandon sees a call that nobody waits for any more to its end, and gives the connection up when there are too many.
// Nothing of the call is kept meanwhile.
func (c *rpcClient) abandon(p *pending) {
	if c.abandoned.Add(1) >= maxAbandoned {
		c.conn.fail(errAbandoned)
	}
	done, size := p.done, p.size
	go func() {
		<-done // at the end of the connection at the latest
		c.unanswered.Add(-size)
		c.abandoned.Add(-1)
	}()
}
