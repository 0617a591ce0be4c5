package main

import (
	"net"
	"testing"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{ // empty: refused
		"localhost":              "http://localhost",
		"localhost:9898/healthz": "http://localhost:9898/healthz",
		"http://a":               "http://a",
		"HTTPS://a":              "https://a",
		"a/path?next=ftp://b":    "http://a/path?next=ftp://b",
		"[::1]:9898/readyz":      "http://[::1]:9898/readyz",
		"::1:9898":               "",
		"ftp://a":                "",
		"":                       "",
		":9898":                  "",
		"http://":                "",
		"a:port":                 "",
		"a\nb":                   "",
	} {
		var got string
		if u, err := parseURL(address, "http", "https"); err == nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", address, got, want)
		}
	}
}

func TestHostPort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ address, defaultPort, want string }{ // empty: refused
		{"localhost:9443", "443", "localhost:9443"},
		{"localhost", "443", "localhost:443"},
		{"127.0.0.1", "443", "127.0.0.1:443"},
		{"[::1]:9443", "443", "[::1]:9443"},
		{"[::1]", "443", "[::1]:443"},
		{"::1", "443", "[::1]:443"},
		{"fe80::1%eth0", "443", "[fe80::1%eth0]:443"},
		{"::%]0", "443", ""},
		{"localhost", "", ""},
		{"::1", "", ""},
		{"localhost:", "443", ""},
		{"", "443", ""},
		{"https://localhost", "443", ""},
		{"localhost/path", "443", ""},
	} {
		got, err := hostPort(test.address, test.defaultPort)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q with default port %q gives %q (%v), want %q",
				test.address, test.defaultPort, got, err, test.want)
		}
	}
}

func FuzzHostPort(f *testing.F) {
	for _, seed := range []string{"localhost", "a:1", "[::1]:443", "::1", "[::1", "fe80::1%eth0", ":", "a]b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		got, err := hostPort(address, "443")
		if err != nil {
			return
		}
		if _, port, err := net.SplitHostPort(got); err != nil || port == "" {
			t.Errorf("%q gives %q, which has no port: %v", address, got, err)
		}
	})
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"localhost:9898/healthz", "https://u:p@a/", "[::1]:1", "://", "a://b://c", "%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		u, err := parseURL(address, "http", "https")
		if err != nil {
			return
		}
		if u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			t.Errorf("%q gives %q", address, u)
		}
	})
}
