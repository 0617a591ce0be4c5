package server

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/traffic"
)

const (
	// leastClose is what telemetry gets for its last flush when the requests have used the whole timeout up.
	leastClose = 500 * time.Millisecond
	// mostClose is what it gets of a long timeout: a collector that cannot be reached must not hold the process up.
	mostClose = 3 * time.Second
	// parting is for websocket clients to answer that they have heard that the server leaves (RFC 6455 §7.1.1). A request
	// may be worth a longer wait, a connection without one is not.
	parting = 5 * time.Second
	// goodbye is for HTTP/2 clients to close their idle connections when they are told to.
	goodbye = 100 * time.Millisecond
	// stragglers is how many looks without a request are enough for those that were on their way when their client had
	// not heard yet that the server leaves.
	stragglers = 10
)

// stop ends the server in order: announce, serve on, close the listeners, wait for what is in flight, release.
func (s *Server) stop() {
	deadline := time.Now().Add(s.o.ShutdownDelay + s.o.ShutdownTimeout)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	s.announce(ctx)
	pause(s.o.ShutdownDelay)
	s.stopAccepting(ctx)
	var ending sync.WaitGroup
	ending.Go(func() { s.stopHTTP(ctx) })
	if s.grpc != nil {
		ending.Go(func() { s.stopGRPC(ctx) })
	}
	ending.Wait()
	if s.metrics != nil {
		_ = s.metrics.server.Close() // Scrapes are answered until the last request is, and repeat by themselves.
	}
	s.scraping.Wait()

	s.release(min(max(time.Until(deadline), leastClose), mostClose))
}

// abandon cuts what is served, and then releases: what the API works with must not outlive a crash either.
func (s *Server) abandon() {
	s.closeListeners()
	s.cut()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if s.servesGRPC() {
		_ = s.o.GRPC.Shutdown(over) // What it cut is no news after a crash.
	}
	if s.metrics != nil {
		_ = s.metrics.server.Close()
	}
	s.accepting.Wait()
	s.scraping.Wait()
	s.release(mostClose)
}

// release ends what the API works with, telemetry last, in that time.
func (s *Server) release(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	s.o.Close(ctx)
}

// announce turns the probes at once. Clients are told to leave as soon as there is no more reason to linger.
func (s *Server) announce(ctx context.Context) {
	s.tracker.lingering.Store(s.o.Linger != nil)
	defer s.tracker.lingering.Store(false)
	s.o.Health.Drain()
	if s.servesGRPC() {
		s.o.GRPC.Drain()
	}
	if s.o.Linger == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.ShutdownTimeout)
	defer cancel()
	if s.o.Linger(ctx) {
		traffic.Settle(ctx, stragglers, s.tracker.watch())
	}
}

func (s *Server) servesGRPC() bool { return s.grpc != nil || s.o.ShareGRPC }

// stopHTTP waits for the API's requests and websockets. What ctx leaves no time for is cut, and logged.
func (s *Server) stopHTTP(ctx context.Context) {
	s.o.Log.WithField("timeout", s.o.ShutdownTimeout.Seconds()).Info("Shutting down HTTP/HTTPS server")
	var ending sync.WaitGroup
	var sockets int
	ending.Go(func() { sockets = s.part(ctx) })
	s.answerAll(ctx)
	if s.o.ShareGRPC {
		s.stopGRPC(ctx) // Only now, for it refuses calls that come over the connections that are still open.
	}
	ending.Wait()
	s.sayGoodbye(ctx) // A handler returns before the last of its answer is sent.
	if requests := s.tracker.inFlight(); requests > 0 || sockets > 0 {
		s.o.Log.WithFields(logrus.Fields{
			"error": context.DeadlineExceeded, "requests": requests, "websockets": sockets,
		}).Warn("HTTP server graceful shutdown failed")
	}
	s.cut()
}

// part takes leave of the websockets, and returns how many did not take theirs.
func (s *Server) part(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, parting)
	defer cancel()
	return s.o.API.Shutdown(ctx)
}

// answerAll serves the connections that are open until all is quiet on them, or ctx ends. It comes before
// http.Server.Shutdown, from which on requests are read but not answered any more.
func (s *Server) answerAll(ctx context.Context) {
	if s.connections.Load() > 0 || s.upgrades.count() > 0 {
		traffic.Settle(ctx, stragglers, s.tracker.watch())
	}
	s.sayGoodbye(ctx)
	traffic.Await(ctx, func() bool { return s.tracker.inFlight() == 0 })
}

// sayGoodbye closes idle connections, those of HTTP/2 with GOAWAY (RFC 9113 §6.8).
func (s *Server) sayGoodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	var ending sync.WaitGroup
	for _, l := range s.http {
		ending.Go(func() { _ = l.server.Shutdown(ctx) }) // Its only error is ctx's; what is left is counted and cut.
	}
	ending.Wait()
	traffic.Await(ctx, func() bool { return s.upgrades.count() == 0 })
}

// cut closes every connection that is left, and gives the handlers behind them a moment to notice.
func (s *Server) cut() {
	for _, l := range s.http {
		_ = l.server.Close()
	}
	s.upgrades.close()
	ctx, cancel := context.WithTimeout(context.Background(), leastClose)
	defer cancel()
	traffic.Await(ctx, func() bool { return s.tracker.inFlight() == 0 && s.upgrades.count() == 0 })
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
