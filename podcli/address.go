package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// parseURL reads an address of one of the schemes; the first of them is assumed when the address names none. Errors do
// not repeat the address, which may hold a password.
func parseURL(address string, schemes ...string) (*url.URL, error) {
	if !hasScheme(address) {
		address = schemes[0] + "://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the address is not a URL: %w; write an IPv6 address in brackets, [::1]:9898",
			errors.Unwrap(err))
	}
	if !slices.Contains(schemes, u.Scheme) {
		return nil, fmt.Errorf("the address has the scheme %q; use %s://", u.Scheme, strings.Join(schemes, ":// or "))
	}
	if u.Hostname() == "" {
		return nil, errors.New("the address has no host; use HOST:PORT/PATH")
	}
	return u, nil
}

// hasScheme reports whether the address starts with a scheme. A scheme further on belongs to a path or a query.
func hasScheme(address string) bool {
	scheme, _, found := strings.Cut(address, "://")
	return found && !strings.ContainsAny(scheme, "/?#")
}

// hostPort returns address as net.Dial wants it. An address without a port gets defaultPort; with defaultPort empty it
// is refused.
func hostPort(address, defaultPort string) (string, error) {
	_, port, err := net.SplitHostPort(address)
	if err == nil && port != "" && !strings.Contains(port, "/") {
		return address, nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	_, err = netip.ParseAddr(host)
	isIP := err == nil && !strings.ContainsAny(host, "/[]") // which it takes in the zone of an IPv6 address
	isName := host != "" && !strings.ContainsAny(host, ":/[]")
	if defaultPort != "" && (isName || isIP) {
		return net.JoinHostPort(host, defaultPort), nil
	}
	return "", fmt.Errorf("the address %q is not HOST:PORT; write an IPv6 address in brackets, [::1]:9898", address)
}
