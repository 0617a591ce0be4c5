// Package server owns the listeners of a long-running target: HTTP, HTTPS, metrics and gRPC. It opens them all or
// none, serves until told to stop, and stops without losing a request that it accepted.
//
// gRPC has a listener of its own, or shares that of HTTP where a platform gives a process one port.
//
// The stop follows the life of a Kubernetes pod
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination): on the first signal the probes
// turn and every reply announces the end of its connection, while traffic still arrives, for as long as the cluster
// may need to learn of it. Then the listeners close, and what is in flight gets the whole shutdown timeout.
package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/health"
)

// API is what the HTTP and HTTPS listeners serve.
type API interface {
	http.Handler
	// Shutdown ends the connections that outlive their request and returns how many it had to cut when ctx ended.
	Shutdown(ctx context.Context) int
}

// GRPC is what the gRPC listener serves, or the HTTP listeners where they are shared.
type GRPC interface {
	// ServeHTTP serves one call that came over HTTP/2.
	http.Handler
	// Streams is the number of calls in flight that last until their client or Shutdown ends them.
	Streams() int64
	// Serve returns when the listener is closed.
	Serve(net.Listener) error
	// Drain tells health checkers and watchers that the server leaves.
	Drain()
	// Shutdown waits for the calls in flight until ctx ends, cuts what is left, and says in an error what that was.
	Shutdown(ctx context.Context) error
}

// Options says what is served where. A port of 0 means that its listener is off.
type Options struct {
	Host                                    string
	Port, SecurePort, MetricsPort, GRPCPort int
	CertPath                                string        // the directory of tls.crt and tls.key
	H2C                                     bool          // HTTP/2 without TLS on Port
	Timeout                                 time.Duration // for reading a request and for writing its answer
	IdleTimeout                             time.Duration // of a connection between requests; 0 is twice Timeout
	ShutdownDelay                           time.Duration // of serving on after the first signal
	ShutdownTimeout                         time.Duration // for what is in flight when the listeners close
	API                                     API
	GRPC                                    GRPC // needed with GRPCPort and ShareGRPC
	ShareGRPC                               bool // serve gRPC on the ports of HTTP too; needs H2C, or clients that use TLS
	Metrics                                 http.Handler
	Health                                  *health.State
	Log                                     *logrus.Logger
	// Linger is called on the first signal, before ShutdownDelay, on platforms where something in front of the server
	// still passes requests on for a while. Until it returns, or ctx ends after ShutdownTimeout, everything is served as
	// before, and no answer announces the end of its connection. It reports whether requests may be held back there:
	// then the server also waits for a moment with none in flight. Nil is none.
	Linger func(ctx context.Context) (heldBack bool)
	// Close releases what the API works with, telemetry last, once nothing is served any more.
	Close func(context.Context)
}

// Server is a set of open listeners. Open makes one, Run serves and ends it.
type Server struct {
	o           Options
	tracker     *tracker
	connections atomic.Int64 // open at the API's listeners
	upgrades    upgrades
	http        []*httpListener // the API's
	metrics     *httpListener   // nil = off
	grpc        net.Listener    // nil = off
	listeners   []net.Listener
	failed      chan error
	accepting   sync.WaitGroup // goroutines of the API's listeners and of gRPC's
	scraping    sync.WaitGroup // the one of the metrics listener
}

// Open binds every listener. If one cannot be bound it closes the others and returns an error that names the address.
func Open(o Options) (*Server, error) {
	s := &Server{o: o, tracker: newTracker(o), failed: make(chan error, 4)}
	if err := s.open(); err != nil {
		s.closeListeners()
		return nil, err
	}
	return s, nil
}

func (s *Server) open() error {
	if err := s.openPlain(); err != nil {
		return err
	}
	if err := s.openHTTPS(); err != nil {
		return err
	}
	var err error
	if s.metrics, err = s.openHTTP("Metrics", s.o.MetricsPort, metricsHandler(s.o.Metrics)); err != nil {
		return err
	}
	s.grpc, err = s.listen(s.o.GRPCPort)
	return err
}

func (s *Server) openPlain() error {
	plain, err := s.openHTTP("HTTP", s.o.Port, s.tracker)
	if plain == nil {
		return err
	}
	plain.server.ConnState = s.countConnections
	s.http = append(s.http, plain)
	if s.o.H2C {
		return s.serveH2C(plain.server)
	}
	return nil
}

func (s *Server) openHTTPS() error {
	if s.o.SecurePort == 0 {
		return nil
	}
	certificate, err := loadCertificate(s.o.CertPath, s.o.Log)
	if err != nil {
		return err
	}
	secure, err := s.openHTTP("HTTPS", s.o.SecurePort, s.tracker)
	if err != nil {
		return err
	}
	secure.server.ConnState = s.countConnections
	secure.server.TLSConfig = certificate.config()
	secure.tls = true
	s.http = append(s.http, secure)
	return nil
}

// countConnections is told of everything that happens to a connection.
func (s *Server) countConnections(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.connections.Add(-1)
	}
}

// Run serves until a signal arrives and then stops gracefully, exit code 0. A listener that fails ends it with 1 and
// without waiting for requests, a second signal at once.
func (s *Server) Run(signals <-chan os.Signal) (code int) {
	s.serve()
	select {
	case err := <-s.failed:
		s.o.Log.WithError(err).Log(logrus.FatalLevel, "server crashed")
		s.abandon()
		return 1
	case <-signals:
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop()
	}()
	select {
	case <-stopped:
		return 0
	case <-signals:
		s.o.Log.Warn("second signal: leaving at once")
		return 1
	}
}

// serve starts one goroutine a listener. stop ends them all and waits for them.
func (s *Server) serve() {
	for _, l := range s.http {
		s.accepting.Go(func() { s.report(l.serve(s.o.Log)) })
	}
	if s.metrics != nil {
		s.scraping.Go(func() { s.report(s.metrics.serve(s.o.Log)) })
	}
	if s.grpc != nil {
		s.o.Log.WithField("addr", s.grpc.Addr().String()).Info("Starting GRPC Server.")
		s.accepting.Go(func() { s.report(s.o.GRPC.Serve(s.grpc)) })
	}
}

// report passes a listener's failure on. One that was closed on purpose has none.
func (s *Server) report(err error) {
	if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return
	}
	s.failed <- err
}
