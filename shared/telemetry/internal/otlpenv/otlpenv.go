// Package otlpenv reads the environment variables that say whether and how a signal is sent over OTLP, and refuses
// values that the exporters would silently ignore. All other OTEL_EXPORTER_OTLP_* variables (headers, timeouts,
// compression, certificates) are read by the exporters themselves; Lookup helps. See
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
package otlpenv

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// The protocols of OTEL_EXPORTER_OTLP_PROTOCOL that there are exporters for.
const (
	GRPC         = "grpc"
	HTTPProtobuf = "http/protobuf"
)

// Signal says how one signal is sent.
type Signal struct {
	// Off says that the signal is not sent at all.
	Off bool
	// Protocol is one of those that Read was given.
	Protocol string
	// Plaintext says that nothing in the environment chose an address, so that the specification's default holds, which
	// is a collector on localhost without TLS. The exporters' own default is TLS.
	Plaintext bool
}

// Signals says how each signal is sent.
type Signals struct{ Traces, Metrics, Logs Signal }

// Read returns how the environment wants the signals to be sent. protocols are those to choose from, the default first.
// The error names the first variable that is wrong, its value and what to use instead.
func Read(getenv func(string) string, protocols ...string) (s Signals, err error) {
	if s.Traces, err = read(getenv, "TRACES", protocols); err != nil {
		return Signals{}, err
	}
	if s.Metrics, err = read(getenv, "METRICS", protocols); err != nil {
		return Signals{}, err
	}
	if s.Logs, err = read(getenv, "LOGS", protocols); err != nil {
		return Signals{}, err
	}
	return s, nil
}

// read returns how the environment wants the signal that its variables call name to be sent.
func read(getenv func(string) string, name string, protocols []string) (Signal, error) {
	off, err := isOff(getenv, "OTEL_"+name+"_EXPORTER")
	if err != nil || off {
		return Signal{Off: off}, err
	}
	protocol, err := protocolOf(getenv, name, protocols)
	if err != nil {
		return Signal{}, err
	}
	variable, endpoint := Lookup(getenv, name, "ENDPOINT")
	if err := checkEndpoint(variable, endpoint, protocol); err != nil {
		return Signal{}, err
	}
	_, insecure := Lookup(getenv, name, "INSECURE")
	_, certificate := Lookup(getenv, name, "CERTIFICATE")
	return Signal{Protocol: protocol, Plaintext: endpoint == "" && insecure == "" && certificate == ""}, nil
}

// isOff reads the variable that names the exporter of a signal. Only OTLP can be pushed.
func isOff(getenv func(string) string, variable string) (bool, error) {
	switch value := getenv(variable); value {
	case "", "otlp":
		return false, nil
	case "none":
		return true, nil
	default:
		return false, fmt.Errorf("%s=%q: unknown exporter; use otlp or none", variable, value)
	}
}

// protocolOf returns the protocol to use, the first one if the environment names none.
func protocolOf(getenv func(string) string, name string, protocols []string) (string, error) {
	variable, value := Lookup(getenv, name, "PROTOCOL")
	if value == "" {
		return protocols[0], nil
	}
	if !slices.Contains(protocols, value) {
		return "", fmt.Errorf("%s=%q: this program cannot send that; use %s",
			variable, value, strings.Join(protocols, " or "))
	}
	return value, nil
}

// checkEndpoint refuses an address that nothing could be sent to: one that is no URL, and for HTTP one without scheme
// or host. gRPC knows other schemes and addresses without one.
func checkEndpoint(variable, endpoint, protocol string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		// The error would repeat the address, and with it a password.
		return fmt.Errorf("%s is not a URL; use one such as http://localhost:4318", variable)
	case protocol != HTTPProtobuf:
		return nil
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Errorf("%s: missing http:// or https:// and host; use a URL such as http://localhost:4318",
			shown(variable, endpoint))
	}
	return nil
}

// shown returns the variable with its value, or alone if there may be a user or a query in it: they may be secrets.
func shown(variable, endpoint string) string {
	if strings.ContainsAny(endpoint, "@?") {
		return variable
	}
	return fmt.Sprintf("%s=%q", variable, endpoint)
}

// Lookup returns the signal's own OTEL_EXPORTER_OTLP_* variable and its value, or the one for all signals where that
// one is not set. name is the signal's in capitals: TRACES, METRICS or LOGS.
func Lookup(getenv func(string) string, name, suffix string) (variable, value string) {
	variable = Common(name + "_" + suffix)
	if value = getenv(variable); value != "" {
		return variable, value
	}
	variable = Common(suffix)
	return variable, getenv(variable)
}

// Common returns the name of the variable that holds for all signals.
func Common(suffix string) string { return "OTEL_EXPORTER_OTLP_" + suffix }
