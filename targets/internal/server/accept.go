package server

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/podinfo-targets/podinfo/shared/traffic"
)

const (
	// handshakes is how many looks without a connection in the queue are enough for those that the kernel is opening.
	handshakes = 5
	// mostAccept bounds the wait where new connections cannot be refused, and so may never end to come.
	mostAccept = 250 * time.Millisecond
)

// stopAccepting closes the listeners of the API and of gRPC without losing a connection.
//
// The kernel opens connections by itself and queues them until they are accepted. Closing a listener resets those in
// its queue, although their clients may have sent a request already. So new connections are refused first, then the
// queue is accepted until it is empty, and only then the listener closes.
func (s *Server) stopAccepting(ctx context.Context) {
	var listeners []net.Listener
	for _, l := range s.http {
		listeners = append(listeners, l.listener)
	}
	if s.grpc != nil {
		listeners = append(listeners, s.grpc)
	}
	for _, l := range listeners {
		refuseNew(l)
	}
	ctx, cancel := context.WithTimeout(ctx, mostAccept)
	defer cancel()
	traffic.Settle(ctx, handshakes, func() bool { return slices.ContainsFunc(listeners, queued) })
	for _, l := range listeners {
		_ = l.Close()
	}
	s.accepting.Wait()
}
