package rpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// stoppingMessage is what callers read when the server ends before their call or stream.
const stoppingMessage = "the server is shutting down"

// Drain makes the health service answer NOT_SERVING, for good, and tells everyone who watches it. All services keep
// working, so that clients and load balancers can turn away before Shutdown.
func (s *Server) Drain() {
	s.health.Shutdown()
}

// Shutdown stops accepting connections and calls and waits until the calls in flight are answered. Streams (a health
// Watch, an open reflection) would last for ever, so they end at once, as Unavailable. When ctx is done first, the
// calls that are left are canceled and their connections closed; the error then says how many calls were cut off and
// wraps the cause of ctx. Shutdown returns when every handler has returned. Once is enough; a second call waits in the
// same way.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	defer s.streams.Wait()

	graceful := make(chan struct{})
	go func() {
		defer close(graceful)
		// GracefulStop cuts calls that came through ServeHTTP, so they have to be over before.
		s.adopted.Wait()
		s.grpc.GracefulStop()
	}()
	select {
	case <-graceful:
		return nil
	case <-ctx.Done():
	}

	cut := s.calls.Load()
	s.conns.closeAll()
	s.grpc.Stop()
	<-graceful
	if cut == 0 {
		return nil // Nobody waited for an answer: only connections were slow to close.
	}
	return fmt.Errorf("calls in flight that were cut off: %d (%w)", cut, context.Cause(ctx))
}

// stop ends the streams and lets no further call into ServeHTTP.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopping:
	default:
		close(s.stopping)
	}
}

// countCall keeps the number of unary calls in flight, which Shutdown reports.
func (s *Server) countCall(
	ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	s.calls.Add(1)
	defer s.calls.Add(-1)
	return handler(ctx, request)
}

// endAtStop ends a stream when the server stops. Its handler may be waiting for the client's next message, which no
// context of ours can interrupt, so it runs in a goroutine; gRPC cancels the stream once this function has returned, so
// that the handler returns too. Shutdown waits for it.
func (s *Server) endAtStop(
	service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler,
) error {
	s.open.Add(1)
	defer s.open.Add(-1)
	ended := make(chan error, 1)
	s.streams.Go(func() { ended <- handler(service, stream) })
	select {
	case err := <-ended:
		return err
	case <-s.stopping:
		return status.Error(codes.Unavailable, stoppingMessage)
	}
}
