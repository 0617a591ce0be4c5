package wire

import (
	"net"
	"net/rpc"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// abandoning returns a client, and what abandons a call of it and returns what answers that.
func abandoning(t *testing.T) (c *rpcClient, abandon func() (answer func())) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	c = &rpcClient{conn: newBoundedConn(ours, MaxMessage)}
	return c, func() func() {
		p := &pending{done: make(chan *rpc.Call, 1), size: perCall}
		c.unanswered.Add(p.size)
		c.abandon(p)
		return func() { p.done <- &rpc.Call{} }
	}
}

func (c *rpcClient) givenUp() bool {
	select {
	case <-c.conn.gone:
		return true
	default:
		return false
	}
}

// What is answered late must not be kept until somebody calls again: it can be large.
func TestAbandonedCallsAreForgottenWhenTheyAreAnswered(t *testing.T) {
	t.Parallel()
	c, abandon := abandoning(t)
	abandon()()
	testkit.Eventually(t, 20*time.Second, "that the answer is taken", func() bool { return c.unanswered.Load() == 0 })
}

func TestTooManyAbandonedCallsEndTheConnection(t *testing.T) {
	t.Parallel()
	c, abandon := abandoning(t)
	var answers []func()
	for range maxAbandoned - 1 {
		answers = append(answers, abandon())
	}
	if c.givenUp() {
		t.Fatal("the connection was given up too early")
	}
	answers = append(answers, abandon())
	if !c.givenUp() {
		t.Error("the connection was not given up")
	}
	for _, answer := range answers {
		answer()
	}
}
