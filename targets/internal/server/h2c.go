package server

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c" //nolint:staticcheck // see serveH2C
)

// serveH2C makes server speak HTTP/2 without TLS as well. A client that knows of it beforehand may start with it
// (RFC 9113 §3.3). One that does not may ask for the upgrade that RFC 7540 §3.2 describes and RFC 9113 has dropped
// since: clients such as curl --http2 still do, net/http knows nothing of it, and x/net's deprecated package is the one
// implementation there is.
func (s *Server) serveH2C(server *http.Server) error {
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	protocol := new(http2.Server) //nolint:staticcheck // see above
	// It makes Shutdown say GOAWAY on upgraded connections, too.
	if err := http2.ConfigureServer(server, protocol); err != nil { //nolint:staticcheck // see above
		return fmt.Errorf("cannot serve h2c: %w", err)
	}
	upgrade := h2c.NewHandler(s.tracker, protocol) //nolint:staticcheck // see above
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !asksForHTTP2(r) {
			s.tracker.ServeHTTP(w, r)
			return
		}
		s.upgrades.serve(upgrade, w, r)
	})
	return nil
}

// asksForHTTP2 tells whether to upgrade. A server may always ignore the wish (RFC 9110 §7.8), and does so when it is
// not made in order, or with a body: the whole of it would have to be held in memory first.
func asksForHTTP2(r *http.Request) bool {
	if r.ProtoMajor != 1 || !strings.EqualFold(r.Header.Get("Upgrade"), "h2c") || r.ContentLength != 0 {
		return false
	}
	settings := r.Header.Values("HTTP2-Settings")
	if len(settings) != 1 {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(settings[0])
	return err == nil
}

// upgrades are the connections that went over to HTTP/2. http.Server forgets them, like all that are hijacked.
type upgrades struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// serve runs h, which returns when the connection that it upgraded ends.
func (u *upgrades) serve(h http.Handler, w http.ResponseWriter, r *http.Request) {
	writer := &upgrading{ResponseWriter: w, upgrades: u}
	defer func() { u.remove(writer.conn) }()
	h.ServeHTTP(writer, r)
}

func (u *upgrades) add(conn net.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		_ = conn.Close()
	}
	if u.open == nil {
		u.open = make(map[net.Conn]struct{})
	}
	u.open[conn] = struct{}{}
}

func (u *upgrades) remove(conn net.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, conn)
}

// count is the number of open connections.
func (u *upgrades) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.open)
}

// close cuts what is open, and what is still to come.
func (u *upgrades) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for conn := range u.open {
		_ = conn.Close()
	}
}

// upgrading is the writer of a request that may take its connection over.
type upgrading struct {
	http.ResponseWriter
	upgrades *upgrades
	conn     net.Conn
}

// Hijack hands the connection over, and notes it.
func (u *upgrading) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err == nil {
		u.conn = conn
		u.upgrades.add(conn)
	}
	return conn, rw, err
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (u *upgrading) Unwrap() http.ResponseWriter { return u.ResponseWriter }
