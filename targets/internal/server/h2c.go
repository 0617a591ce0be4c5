package server

import (
	"net/http"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c" //nolint:staticcheck // see plainHandler
)

// protocols are the versions of HTTP that the plain port speaks. With h2c a client that knows of it beforehand may
// start with HTTP/2 (RFC 9113 §3.3).
func protocols(h2c bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(h2c)
	return p
}

// plainHandler serves the API on the plain port. With h2c it also takes the upgrade that RFC 7540 §3.2 describes and
// RFC 9113 has dropped since: clients such as curl --http2 still send it, net/http knows nothing of it, and x/net's
// deprecated package is the one implementation there is. Only requests that ask for the upgrade get that far.
func (s *Server) plainHandler() http.Handler {
	if !s.o.H2C {
		return s.tracker
	}
	upgrade := h2c.NewHandler(s.tracker, &http2.Server{IdleTimeout: 2 * s.o.Timeout}) //nolint:staticcheck // as above
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || !strings.EqualFold(r.Header.Get("Upgrade"), "h2c") {
			s.tracker.ServeHTTP(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, s.o.MaxBody) // The upgrade reads the whole body into memory.
		upgrade.ServeHTTP(w, r)
	})
}
