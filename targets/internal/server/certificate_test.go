package server_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// shown is the certificate that the server shows.
func (r *rig) shown(t *testing.T) []byte {
	t.Helper()
	conn := tls.Client(dial(t, r.address(r.options.SecurePort)), &tls.Config{
		InsecureSkipVerify: true,
	})
	defer func() { _ = conn.Close() }()
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0].Raw
}

// shows tells whether the server shows this certificate.
func (r *rig) shows(t *testing.T, want testkit.Certificate) bool {
	t.Helper()
	block, _ := pem.Decode([]byte(read(t, want.CertFile)))
	return bytes.Equal(r.shown(t), block.Bytes)
}

func (r *rig) eventuallyShows(t *testing.T, want testkit.Certificate) {
	t.Helper()
	testkit.Eventually(t, patience, "the new certificate to be shown", func() bool { return r.shows(t, want) })
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// overwrite writes the certificate's files into dir.
func overwrite(t *testing.T, dir string, with testkit.Certificate) {
	t.Helper()
	for _, file := range []string{with.CertFile, with.KeyFile} {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(read(t, file)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateIsReloadedWhenItsFilesAreWritten(t *testing.T) {
	t.Parallel()
	r := start(t)
	next := testkit.NewCertificate(t)
	overwrite(t, r.options.CertPath, next)
	r.eventuallyShows(t, next)
}

func TestABrokenCertificateKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*testing.T, testkit.Certificate) error{
		"garbage": func(_ *testing.T, c testkit.Certificate) error {
			return os.WriteFile(c.CertFile, []byte("garbage"), 0o600)
		},
		"empty":   func(_ *testing.T, c testkit.Certificate) error { return os.Truncate(c.KeyFile, 0) },
		"missing": func(_ *testing.T, c testkit.Certificate) error { return os.Remove(c.CertFile) },
		"the key of another": func(t *testing.T, c testkit.Certificate) error {
			return os.WriteFile(c.KeyFile, []byte(read(t, testkit.NewCertificate(t).KeyFile)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t)
			old := r.shown(t)
			dir := r.options.CertPath
			files := testkit.Certificate{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
			if err := spoil(t, files); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, patience, "the log to tell of the broken certificate", func() bool {
				if !bytes.Equal(r.shown(t), old) {
					t.Fatal("the server shows another certificate, want the old one")
				}
				return r.log.has("certificate not reloaded")
			})
			next := testkit.NewCertificate(t)
			overwrite(t, dir, next)
			r.eventuallyShows(t, next)
		})
	}
}

// TestCertificateIsReloadedFromAKubernetesVolume replaces the files as kubelet does, in one step.
func TestCertificateIsReloadedFromAKubernetesVolume(t *testing.T) {
	t.Parallel()
	keys := func(c testkit.Certificate) map[string]string {
		return map[string]string{"tls.crt": read(t, c.CertFile), "tls.key": read(t, c.KeyFile)}
	}
	volume := testkit.NewVolume(t, keys(testkit.NewCertificate(t)))
	r := build(t)
	r.options.CertPath = volume.Dir
	r.open(t)
	r.run(t)
	next := testkit.NewCertificate(t)
	volume.Write(t, keys(next), true)
	r.eventuallyShows(t, next)
}

func TestTLSAgreesOnTheVersionOfHTTP(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, test := range []struct {
		offers []string
		want   string
	}{
		{[]string{"h2", "http/1.1"}, "HTTP/2.0"},
		{[]string{"http/1.1"}, "HTTP/1.1"},
		{nil, "HTTP/1.1"},
	} {
		t.Run(strings.Join(test.offers, " "), func(t *testing.T) {
			t.Parallel()
			transport := &http.Transport{
				TLSClientConfig: &tls.Config{
					InsecureSkipVerify: true, NextProtos: test.offers,
				},
				ForceAttemptHTTP2: len(test.offers) > 1,
				DisableKeepAlives: true,
			}
			client := http.Client{Transport: transport, Timeout: patience}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
				"https://"+r.address(r.options.SecurePort)+"/version", nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = got.Body.Close()
			if got.Proto != test.want || got.StatusCode != http.StatusOK {
				t.Errorf("%s %d, want %s 200", got.Proto, got.StatusCode, test.want)
			}
		})
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	r := start(t)
	conn := tls.Client(dial(t, r.address(r.options.SecurePort)), &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if err := conn.HandshakeContext(t.Context()); err == nil {
		t.Error("the server speaks TLS 1.1")
	}
}
