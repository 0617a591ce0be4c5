package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// certificate returns a self-signed one for 127.0.0.1 that is valid from notBefore to notAfter.
func certificate(t *testing.T, notBefore, notAfter time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "podinfo", Organization: []string{"Tests, \x1b[2JInc."}},
		NotBefore:    notBefore,
		NotAfter:     notAfter,
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func validCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	return certificate(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// trusted returns the environment of a process that trusts the certificate.
func trusted(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return "SSL_CERT_FILE=" + file
}

// tlsServer serves handler, and returns HOST:PORT.
func tlsServer(t *testing.T, cert tls.Certificate, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	// Clients that end the handshake are what some tests are about.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestCheckCert(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	now := time.Now().UTC().Truncate(time.Second)
	for _, test := range []struct {
		name                string
		notBefore, notAfter time.Time
		code                int
	}{
		{"valid", now.Add(-day), now.Add(day), 0},
		{"expired", now.Add(-2 * day), now.Add(-day), 1},
		{"not yet valid", now.Add(day), now.Add(2 * day), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := tlsServer(t, certificate(t, test.notBefore, test.notAfter), http.NotFoundHandler())
			name := `CN=podinfo,O=Tests\, \x1b[2JInc.` // the escape is ours: it must not clear anybody's screen
			want := map[string]any{
				"address":   address,
				"issuer":    name,
				"subject":   name,
				"notAfter":  test.notAfter.Format(time.RFC3339),
				"notBefore": test.notBefore.Format(time.RFC3339),
			}
			if test.code != 0 {
				want["error"] = "*"
			}
			wantCheck(t, podcli("", "check", "cert", address), test.code, want)
		})
	}
}

func TestCertificateIsValidAtBothEndsOfItsWindow(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end := start.AddDate(0, 3, 0)
	cert := &x509.Certificate{NotBefore: start, NotAfter: end}
	for _, test := range []struct {
		now  time.Time
		want string
	}{
		{start.Add(-time.Minute), "the certificate is not valid for another 1m0s"},
		{start, ""},
		{end, ""},
		{end.Add(time.Minute), "the certificate expired 1m0s ago"},
	} {
		var got string
		if err := checkValidity(cert, test.now); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("at %v: %q, want %q", test.now, got, test.want)
		}
	}
}

func TestCheckCertFailures(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, address := range map[string]string{
		"nobody listens":          testkit.ClosedAddress(t),
		"the server knows no TLS": plain.Listener.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCheck(t, podcli("", "check", "cert", address), 1, map[string]any{"address": address, "error": "*"})
		})
	}
}

// With a certificate that the machine trusts, every check speaks TLS.
func TestChecksOverTrustedTLS(t *testing.T) {
	t.Parallel()
	cert := validCertificate(t)
	address := tlsServer(t, cert, echoHandler(t))
	for _, args := range [][]string{
		{"check", "http", "https://" + address + "/healthz"},
		{"check", "ws", "wss://" + address},
		{"check", "grpc", "--tls", grpcServer(t, &cert)},
	} {
		t.Run(args[1], func(t *testing.T) {
			t.Parallel()
			// A handshake can take seconds on a machine that is busy with other tests.
			cmd := process(t, append(args, "--timeout=25s")...)
			cmd.Env = append(cmd.Env, trusted(t, cert))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
