package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/pflag"
)

// trust says whose certificates a check believes. Without a flag it is what the machine believes.
type trust struct {
	insecure bool
	caFile   string
}

func (t *trust) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&t.insecure, "insecure", false, "do not verify the server's certificate")
	flags.StringVar(&t.caFile, "ca-file", "", "PEM file of the authorities to trust, instead of the machine's")
}

// transport returns a transport of one check's own, which speaks HTTP/2 where the server offers it over TLS.
func (t *trust) transport() (*http.Transport, error) {
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true}, nil
}

func (t *trust) config() (*tls.Config, error) {
	if t.insecure && t.caFile != "" {
		return nil, errors.New("--insecure and --ca-file contradict each other; give one of them")
	}
	if t.caFile == "" {
		return &tls.Config{InsecureSkipVerify: t.insecure}, nil //nolint:gosec // only who asks for it gets it
	}
	pem, err := os.ReadFile(t.caFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-file: %s holds no certificate in PEM format", t.caFile)
	}
	return &tls.Config{RootCAs: roots}, nil
}
