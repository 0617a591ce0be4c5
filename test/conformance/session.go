package conformance

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pollEvery is how long a step that waits for something pauses between two looks.
const pollEvery = 20 * time.Millisecond

// server is a running target with what the cases share to talk to it.
type server struct {
	target  Target
	dir     string // that Prepare filled, or ""
	backend string // URL of the stub backends, or ""
	client  *http.Client
	api     descriptors
	tls     *tls.Config
}

// newServer makes the clients for target. If dir holds a certificate, it is the one that the server must show.
func newServer(t testing.TB, target Target, dir string) (*server, error) {
	s := &server{target: target, dir: dir, tls: &tls.Config{MinVersion: tls.VersionTLS12}}
	if dir != "" {
		if pem, err := os.ReadFile(filepath.Join(dir, certFile)); err == nil {
			s.tls.RootCAs = x509.NewCertPool()
			s.tls.RootCAs.AppendCertsFromPEM(pem)
		}
	}
	if _, err := url.Parse(target.BaseURL); err != nil {
		return nil, fmt.Errorf("the base URL of %s: %w", target.Name, err)
	}
	api, err := newDescriptors()
	if err != nil {
		return nil, err
	}
	s.api = api
	transport := &http.Transport{
		DisableCompression:  true, // an answer is looked at as it was sent
		ForceAttemptHTTP2:   true,
		TLSClientConfig:     s.tls.Clone(), // the transport adds HTTP/2 to its own
		MaxIdleConnsPerHost: 4,
	}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, nil
}

// session is what the steps of one case share.
type session struct {
	*server
	ctx  context.Context
	vars map[string]string
}

// session starts a case. ${id} is a name that no other case uses, ${base} the path that all paths of the API start
// with, ${mount} the part of it that the server does not see, ${host} the server's host and port.
func (s *server) session() *session {
	origin := s.target.origin()
	return &session{server: s, vars: map[string]string{
		"id":      strings.ToLower(rand.Text()),
		"base":    s.target.path(),
		"mount":   s.target.Mount,
		"host":    origin[strings.LastIndex(origin, "/")+1:],
		"backend": s.backend,
		"dir":     s.dir,
	}}
}

// run does the steps in order until one fails.
func (s *session) run(timeout time.Duration, steps []Step) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s.ctx = ctx
	for _, step := range steps {
		if err := step.do(s); err != nil {
			return err
		}
	}
	return nil
}

// expand replaces ${name} by the value that the case has saved under name.
func (s *session) expand(text string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	pairs := make([]string, 0, 2*len(s.vars))
	for name, value := range s.vars {
		pairs = append(pairs, "${"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// eventually repeats try until it succeeds, and returns its last error when it does not within timeout.
func (s *session) eventually(timeout time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("even after %s: %w", timeout, err)
		case <-poll.C:
		}
	}
}

// dial opens a connection to the server, with TLS if the base URL says so. It is closed with the case.
func (s *session) dial() (net.Conn, error) {
	conn, err := s.dialHost(s.vars["host"])
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s.vars["host"], err)
	}
	if deadline, ok := s.ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	return conn, nil
}

func (s *session) dialHost(host string) (net.Conn, error) {
	if strings.HasPrefix(s.target.BaseURL, "https://") {
		return (&tls.Dialer{Config: s.tls}).DialContext(s.ctx, "tcp", withPort(host, "443"))
	}
	return (&net.Dialer{}).DialContext(s.ctx, "tcp", withPort(host, "80"))
}

func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// step is a step that a function says best.
type step func(*session) error

func (f step) do(s *session) error { return f(s) }
