package otlphttp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/podinfo-targets/podinfo/shared/telemetry/internal/otlpenv"
)

// What the specification has where the environment is silent.
const (
	defaultTimeout  = 10 * time.Second        // of an export
	defaultEndpoint = "http://localhost:4318" // a collector on this machine
)

// settings say where and how one signal is sent.
type settings struct {
	url     string
	header  http.Header
	timeout time.Duration // of one export, its retries included
	gzip    bool
	tls     *tls.Config // nil is Go's default
}

// readSettings reads the variables of a signal: "traces", "metrics" or "logs". The signal's own variable wins over the
// one for all signals. Errors name the variable and, where it is no secret, its value.
func readSettings(getenv func(string) string, signal string) (s settings, err error) {
	v := variables{getenv, signal}
	if s.url, err = v.url(); err != nil {
		return settings{}, err
	}
	if s.header, err = v.header(); err != nil {
		return settings{}, err
	}
	name, value := v.lookup("TIMEOUT")
	if s.timeout, err = milliseconds(name, value, defaultTimeout); err != nil {
		return settings{}, err
	}
	if s.gzip, err = v.gzip(); err != nil {
		return settings{}, err
	}
	s.tls, err = v.tls()
	return s, err
}

// variables looks up what concerns one signal.
type variables struct {
	getenv func(string) string
	signal string
}

// lookup returns the variable that counts for the suffix, and its value, which may be empty.
func (v variables) lookup(suffix string) (name, value string) {
	return otlpenv.Lookup(v.getenv, strings.ToUpper(v.signal), suffix)
}

// url returns where to send to. The signal's own endpoint is taken as it is; to the one for all signals the path of the
// signal is added. TLS is a matter of the scheme alone: the INSECURE variables are for gRPC. See
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp.
func (v variables) url() (string, error) {
	name, endpoint := v.lookup("ENDPOINT")
	if endpoint == "" {
		return defaultEndpoint + "/v1/" + v.signal, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		// The error would repeat the address, and with it a password.
		return "", fmt.Errorf("%s is not a URL; use one such as http://localhost:4318", name)
	}
	if name == otlpenv.Common("ENDPOINT") {
		u = u.JoinPath("v1", v.signal)
	}
	return u.String(), nil
}

// header reads name=value pairs that are separated by commas; values are percent-encoded. See
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables.
func (v variables) header() (http.Header, error) {
	name, list := v.lookup("HEADERS")
	header := make(http.Header)
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		field, encoded, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(encoded))
		if field = strings.TrimSpace(field); !found || field == "" || err != nil {
			return nil, fmt.Errorf("%s: write it as name=value,name=value with percent-encoded values", name)
		}
		header.Set(field, value)
	}
	return header, nil
}

func (v variables) gzip() (bool, error) {
	switch name, value := v.lookup("COMPRESSION"); value {
	case "", "none":
		return false, nil
	case "gzip":
		return true, nil
	default:
		return false, fmt.Errorf("%s=%q: unknown compression; use gzip or none", name, value)
	}
}

// tls reads the files that say whom to trust and who we are, nil when there are none.
func (v variables) tls() (*tls.Config, error) {
	authoritiesName, authorities := v.lookup("CERTIFICATE")
	certName, cert := v.lookup("CLIENT_CERTIFICATE")
	keyName, key := v.lookup("CLIENT_KEY")
	if authorities == "" && cert == "" && key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		pool, err := readAuthorities(authorities)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", authoritiesName, err)
		}
		config.RootCAs = pool
	}
	if cert == "" && key == "" {
		return config, nil
	}
	if cert == "" || key == "" {
		return nil, fmt.Errorf("%s and %s belong together; set both or none", certName, keyName)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", certName, keyName, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path) //nolint:gosec // Which file is read is the operator's to say.
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the file " + strconv.Quote(path) + " holds no certificate in PEM")
	}
	return pool, nil
}

// milliseconds reads a duration as the variables of OpenTelemetry give it, fallback when there is none.
func milliseconds(name, value string, fallback time.Duration) (time.Duration, error) {
	if value == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(value, 10, 32) // A time.Duration holds that many.
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%s=%q: not a number of milliseconds from 1 to %d; use one such as 10000",
			name, value, math.MaxInt32)
	}
	return time.Duration(n) * time.Millisecond, nil
}
