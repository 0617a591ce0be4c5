package wire

import (
	"net"
	"net/rpc"
	"testing"
)

func TestAbandonedCallsAreRememberedUntilTheyAreAnswered(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	c := &rpcClient{conn: newBoundedConn(ours, MaxMessage)}
	first := &pending{done: make(chan *rpc.Call, 1)}
	c.abandon(first)
	if len(c.abandoned) != 1 {
		t.Fatalf("%d calls are remembered, want that one", len(c.abandoned))
	}
	first.done <- &rpc.Call{}
	for range maxAbandoned - 1 {
		c.abandon(&pending{done: make(chan *rpc.Call, 1)})
	}
	if len(c.abandoned) != maxAbandoned-1 {
		t.Errorf("%d calls are remembered, want the %d without an answer", len(c.abandoned), maxAbandoned-1)
	}
	select {
	case <-c.conn.gone:
		t.Fatal("the connection was given up too early")
	default:
	}
	c.abandon(&pending{done: make(chan *rpc.Call, 1)})
	select {
	case <-c.conn.gone:
	default:
		t.Error("the connection was not given up")
	}
}
