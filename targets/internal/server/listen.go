package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// ListenError says which port could not be opened.
type ListenError struct {
	Port int
	Err  error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("cannot listen on port %d: %v; choose a free port, or 0 for none", e.Port, e.Err)
}

// Unwrap returns the operating system's error.
func (e *ListenError) Unwrap() error { return e.Err }

// listen opens a port on the configured host, which may be an IPv6 address with or without brackets. Port 0 gives nil.
func (s *Server) listen(port int) (net.Listener, error) {
	if port == 0 {
		return nil, nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(s.o.Host, "["), "]")
	var config net.ListenConfig
	config.SetMultipathTCP(false) // Sockets of multipath TCP take no filter, which refuseNew needs.
	l, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, &ListenError{Port: port, Err: err}
	}
	s.listeners = append(s.listeners, l)
	return l, nil
}

func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		_ = l.Close() // Closing twice is an error that means nothing here.
	}
}

// httpListener is an HTTP server and the listener it serves.
type httpListener struct {
	name     string
	listener net.Listener
	server   *http.Server
	tls      bool
}

// openHTTP opens a port for an HTTP server with the configured timeouts. Port 0 gives nil.
func (s *Server) openHTTP(name string, port int, h http.Handler) (*httpListener, error) {
	l, err := s.listen(port)
	if l == nil {
		return nil, err
	}
	return &httpListener{name: name, listener: l, server: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.o.Timeout,
		ReadTimeout:       s.o.Timeout,
		WriteTimeout:      s.writeTimeout(),
		IdleTimeout:       cmp.Or(s.o.IdleTimeout, 2*s.o.Timeout),
		ErrorLog:          stdlog.New(&debugWriter{s.o.Log}, "", 0),
	}}, nil
}

// apology is what an answer gets on top of the timeout, so that a body that took the whole of it is refused in words.
// It cannot be given later: HTTP/2 resets a stream in the moment its time is over.
const apology = time.Second

func (s *Server) writeTimeout() time.Duration {
	if s.o.Timeout == 0 {
		return 0 // No bound.
	}
	return s.o.Timeout + apology
}

func (l *httpListener) serve(log *logrus.Logger) error {
	log.WithField("addr", l.listener.Addr().String()).Infof("Starting %s Server.", l.name)
	if l.tls {
		return l.server.ServeTLS(l.listener, "", "")
	}
	return l.server.Serve(l.listener)
}

// debugWriter takes what net/http has to say about clients that break the protocol or the handshake: anyone can cause
// these lines, so they are kept to level debug.
type debugWriter struct{ log *logrus.Logger }

var _ io.Writer = (*debugWriter)(nil)

func (d *debugWriter) Write(line []byte) (int, error) {
	d.log.Debug(strings.TrimSpace(string(line)))
	return len(line), nil
}
