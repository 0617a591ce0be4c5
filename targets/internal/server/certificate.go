package server

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// recheck is how often, at most, handshakes look for a changed certificate.
const recheck = time.Second

// certificate is a key pair from files that may be replaced while the server runs, as cert-manager and kubelet do. A
// pair that cannot be read leaves the one before it in use.
type certificate struct {
	certFile, keyFile string
	log               *logrus.Logger

	mu        sync.Mutex
	pair      *tls.Certificate
	cert, key []byte // what pair was made of
	checked   time.Time
}

// loadCertificate reads tls.crt and tls.key from dir, the names of a Kubernetes TLS secret.
func loadCertificate(dir string, log *logrus.Logger) (*certificate, error) {
	c := &certificate{certFile: filepath.Join(dir, "tls.crt"), keyFile: filepath.Join(dir, "tls.key"), log: log}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("cannot load the certificate: %w; --cert-path must hold tls.crt and tls.key", err)
	}
	c.checked = time.Now()
	return c, nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(time.Now()), nil },
	}
}

// current returns the pair in use, after a look at the files if the last one is long enough ago.
func (c *certificate) current(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.checked) < recheck {
		return c.pair
	}
	c.checked = now
	if err := c.read(); err != nil {
		c.log.WithError(err).Warn("certificate not reloaded: the one before it stays in use")
	}
	return c.pair
}

// read makes a new pair if the files have changed. It compares what is in them, for their times are too coarse to tell
// of two changes in a row, and a pair that is half replaced must be read again.
func (c *certificate) read() error {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return err
	}
	if c.pair != nil && bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return err
	}
	c.pair, c.cert, c.key = &pair, cert, key
	return nil
}
