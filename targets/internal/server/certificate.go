package server

import (
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
	cert, key string
	log       *logrus.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	version string // of the files that pair was read from
	checked time.Time
}

// loadCertificate reads tls.crt and tls.key from dir, the names of a Kubernetes TLS secret.
func loadCertificate(dir string, log *logrus.Logger) (*certificate, error) {
	c := &certificate{cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key"), log: log}
	version, err := c.filesVersion()
	if err == nil {
		err = c.read(version)
	}
	if err != nil {
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
	version, err := c.filesVersion()
	if err == nil && version != c.version {
		err = c.read(version)
	}
	if err != nil {
		c.log.WithError(err).Warn("certificate not reloaded: the one before it stays in use")
	}
	return c.pair
}

func (c *certificate) read(version string) error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.pair, c.version = &pair, version
	return nil
}

// filesVersion changes whenever a file is written or replaced.
func (c *certificate) filesVersion() (string, error) {
	var version string
	for _, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return "", err
		}
		version += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), ";")
	}
	return version, nil
}
