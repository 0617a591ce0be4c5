package server

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// leastClose is what telemetry gets for its last flush when the requests have used the whole timeout up.
const leastClose = 500 * time.Millisecond

// stop ends the server in order: announce, serve on, close the listeners, wait for what is in flight, release.
func (s *Server) stop() {
	s.o.Health.Drain()
	if s.grpc != nil {
		s.o.GRPC.Drain()
	}
	pause(s.o.ShutdownDelay)

	deadline := time.Now().Add(s.o.ShutdownTimeout)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	var ending sync.WaitGroup
	ending.Go(func() { s.stopHTTP(ctx) })
	if s.grpc != nil {
		ending.Go(func() { s.stopGRPC(ctx) })
	}
	ending.Wait()
	if s.metrics != nil {
		_ = s.metrics.server.Close() // Scrapes are answered until the last request is, and repeat by themselves.
	}
	s.serving.Wait()

	last, cancelLast := context.WithTimeout(context.Background(), max(time.Until(deadline), leastClose))
	defer cancelLast()
	s.o.Close(last)
}

// stopHTTP closes the API's listeners and waits for its requests and websockets. What ctx leaves no time for is cut,
// and logged.
func (s *Server) stopHTTP(ctx context.Context) {
	s.o.Log.WithField("timeout", s.o.ShutdownTimeout.Seconds()).Info("Shutting down HTTP/HTTPS server")
	var ending sync.WaitGroup
	var sockets int
	ending.Go(func() { sockets = s.o.API.Shutdown(ctx) })
	for _, l := range s.http {
		ending.Go(func() { _ = l.server.Shutdown(ctx) }) // Its only error is ctx's, which the count below explains.
	}
	ending.Wait()
	requests := max(s.waitInFlight(ctx)-int64(sockets), 0)
	if requests > 0 || sockets > 0 {
		s.o.Log.WithFields(logrus.Fields{"error": context.Cause(ctx), "requests": requests, "websockets": sockets}).
			Warn("HTTP server graceful shutdown failed")
	}
	for _, l := range s.http {
		_ = l.server.Close() // Cuts what is left, connections that never sent a request among it.
	}
}

// waitInFlight waits for the requests that http.Server does not know of any more, those on connections that were
// upgraded to HTTP/2. It returns how many were left when ctx ended.
func (s *Server) waitInFlight(ctx context.Context) int64 {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		left := s.tracker.inFlight.Load()
		if left == 0 {
			return 0
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return left
		}
	}
}

func (s *Server) stopGRPC(ctx context.Context) {
	s.o.Log.WithField("timeout", s.o.ShutdownTimeout.Seconds()).Info("Shutting down GRPC server")
	if err := s.o.GRPC.Shutdown(ctx); err != nil {
		s.o.Log.WithError(err).Warn("GRPC server graceful shutdown failed")
	}
}

// pause lets d pass.
func pause(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
