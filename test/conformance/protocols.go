package conformance

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The files that --cert-path is searched for.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

// protocols are about the versions of HTTP and the ways to agree on one.
func protocols() []Group {
	return []Group{
		{Name: "HTTP/1", Theme: "HTTP/1 on the wire", Needs: []Capability{RawHTTP}, Cases: []Case{
			it("serves HTTP/1.0 and closes",
				lines("GET ${base}/version HTTP/1.0", "", "").
					want(status(200), textKeys("commit", "version")).thenClosed(5*time.Second)),
			it("does not send chunks to HTTP/1.0",
				lines("GET ${base}/chunked/0 HTTP/1.0", "", "").
					want(status(200), jsonValue(`{"delay": 0}`), func(x *exchange) error {
						if len(x.answer.TransferEncoding) == 0 {
							return nil
						}
						return fmt.Errorf("the answer has the transfer encoding %q, which HTTP/1.0 does not know",
							x.answer.TransferEncoding)
					}).thenClosed(5*time.Second)),
			it("answers requests that come in one packet in their order",
				lines("POST ${base}/echo HTTP/1.1", "Host: ${host}", "Content-Length: 3", "", "one"+
					"GET ${base}/version HTTP/1.1", "Host: ${host}", "",
					"POST ${base}/echo HTTP/1.1", "Host: ${host}", "Content-Length: 3", "Connection: close", "", "two").
					want(status(202), body("one")).
					want(status(200), textKeys("commit", "version")).
					want(status(202), body("two"), closes()).thenClosed(5*time.Second)),
			it("invites a body that the client announces",
				lines("POST ${base}/echo HTTP/1.1", "Host: ${host}", "Content-Length: 5", "Expect: 100-continue", "",
					"hello").want(status(100)).want(status(202), body("hello"))),
			it("sends a stream in chunks, all of it in one", get("/chunked/0").
				want(status(200), jsonValue(`{"delay": 0}`), inChunks()), step(oneChunk)),
			it("puts a status that nobody has defined into words",
				lines("GET ${base}/status/799 HTTP/1.1", "Host: ${host}", "", "").
					want(status(799), reason("status code 799"), jsonIs(`{"status": 799}`))),
			it("keeps to HTTP/1.1 when HTTP/2 is offered but not switched on",
				lines("GET ${base}/version HTTP/1.1", "Host: ${host}", "Connection: Upgrade, HTTP2-Settings",
					"Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA", "", "").
					want(status(200), protocol("HTTP/1.1"), textKeys("commit", "version"))),
		}},
		{Name: "h2c", Theme: "HTTP/2 without TLS", Settings: []string{"--h2c"}, Needs: []Capability{H2C}, Cases: []Case{
			it("speaks HTTP/2 with a client that knows it", priorKnowledge(get("/version").
				want(status(200), protocol("HTTP/2.0"), textKeys("commit", "version")))),
			it("takes bodies over HTTP/2", priorKnowledge(post("/echo", "").filled(1<<20).
				want(status(202), protocol("HTTP/2.0"), filledBody(1<<20)))),
			it("upgrades an HTTP/1.1 connection", step(upgradeToHTTP2)).needs(RawHTTP),
			it("still speaks HTTP/1.1",
				get("/version").want(status(200), protocol("HTTP/1.1"), textKeys("commit", "version"))),
			it("still upgrades to websockets", talking(sayText("hello"), hearEcho(`"hello"`))).needs(WebSocket),
		}},
		{Name: "TLS", Theme: "TLS", Needs: []Capability{TLS}, Settings: []string{"--cert-path=${dir}"},
			Prepare: writeCertificate, Cases: []Case{
				it("serves HTTP/2 to those that ask for it", get("/version").at(secure).
					want(status(200), protocol("HTTP/2.0"), textKeys("commit", "version"))),
				it("serves HTTP/1.1 to the others", overHTTP1(get("/version").at(secure).
					want(status(200), protocol("HTTP/1.1"), textKeys("commit", "version")))),
				it("serves the same routes as without TLS",
					post("/echo", "body").at(secure).want(status(202), rawReply(), body("body")),
					get("/healthz").at(secure).want(status(200), jsonIs(`{"status": "OK"}`)),
					get("/nothing").at(secure).want(isNotFound())),
				it("upgrades to websockets", talking(sayText("hello"), hearEcho(`"hello"`)).at(secure)).
					needs(WebSocket),
				it("still serves plain HTTP beside it",
					get("/version").want(status(200), textKeys("commit", "version"))),
			}},
	}
}

// through sends a request over a transport of its own.
func through(transport func(*session) http.RoundTripper, r request) Step {
	return step(func(s *session) error {
		own := *s.server
		rt := transport(s)
		own.client = &http.Client{Transport: rt, CheckRedirect: s.client.CheckRedirect}
		defer own.client.CloseIdleConnections()
		return r.do(&session{server: &own, ctx: s.ctx, vars: s.vars})
	})
}

// priorKnowledge sends a request over HTTP/2 without TLS, and without asking first (RFC 9113 section 3.3).
func priorKnowledge(r request) Step {
	return through(func(*session) http.RoundTripper {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		return &http.Transport{Protocols: protocols}
	}, r)
}

// overHTTP1 sends a request over TLS to a server that is told that the client knows no HTTP/2.
func overHTTP1(r request) Step {
	return through(func(s *session) http.RoundTripper {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		return &http.Transport{Protocols: protocols, TLSClientConfig: s.tls.Clone()}
	}, r)
}

// upgradeToHTTP2 asks for the upgrade that RFC 7540 section 3.2 describes: the answer to the request that asks comes as
// stream 1 of the new connection.
func upgradeToHTTP2(s *session) error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	ask := "GET ${base}/version HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
		"HTTP2-Settings: " + base64.RawURLEncoding.EncodeToString(nil) + "\r\n\r\n"
	if _, err := io.WriteString(conn, s.expand(ask)); err != nil {
		return err
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		return fmt.Errorf("no answer to the upgrade: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Upgrade") != "h2c" {
		return fmt.Errorf("the upgrade is answered with %s and Upgrade: %q, want 101 and h2c",
			answer.Status, answer.Header.Get("Upgrade"))
	}
	code, err := firstStatus(conn, reader)
	if err != nil {
		return fmt.Errorf("over HTTP/2, after the upgrade: %w", err)
	}
	return differ("the status on stream 1", code, "200")
}

// firstStatus starts HTTP/2 and reads frames until the head of the answer on stream 1 is there.
func firstStatus(conn net.Conn, reader io.Reader) (string, error) {
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return "", err
	}
	framer := http2.NewFramer(conn, reader)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := framer.WriteSettings(); err != nil {
		return "", err
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return "", err
		}
		if head, ok := frame.(*http2.MetaHeadersFrame); ok && head.StreamID == 1 {
			return head.PseudoValue("status"), nil
		}
		if away, ok := frame.(*http2.GoAwayFrame); ok {
			return "", fmt.Errorf("the server ends the connection: %s", away.ErrCode)
		}
	}
}

// writeCertificate makes a certificate for 127.0.0.1, ::1 and localhost, and its key.
func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, certFile), certPEM, 0o600),
		os.WriteFile(filepath.Join(dir, keyFile), keyPEM, 0o600))
}
