package server_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/internal/server"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

func listen(t *testing.T, address string) (net.Listener, error) {
	t.Helper()
	return new(net.ListenConfig).Listen(t.Context(), "tcp", address)
}

func TestATakenPortIsNamedAndNothingStaysOpen(t *testing.T) {
	t.Parallel()
	for name, port := range map[string]func(*server.Options) *int{
		"HTTP":    func(o *server.Options) *int { return &o.Port },
		"HTTPS":   func(o *server.Options) *int { return &o.SecurePort },
		"metrics": func(o *server.Options) *int { return &o.MetricsPort },
		"gRPC":    func(o *server.Options) *int { return &o.GRPCPort },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := build(t)
			defer r.options.Close(context.Background())
			taken, err := listen(t, "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = taken.Close() }()
			number := taken.Addr().(*net.TCPAddr).Port

			err = r.openFails(t, port, number)
			for _, want := range []string{strconv.Itoa(number), "in use", "choose a free port"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
			for _, other := range r.ports() {
				if *other != number && !targettest.Refused(r.address(*other)) {
					t.Errorf("port %d is open after Open failed", *other)
				}
			}
		})
	}
}

// openFails opens with one port that is taken, until it is that one that Open complains about.
func (r *rig) openFails(t *testing.T, port func(*server.Options) *int, taken int) error {
	t.Helper()
	for range 5 {
		*port(&r.options) = taken
		_, err := server.Open(r.options)
		var listening *server.ListenError
		if !errors.As(err, &listening) || !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("Open returned %v, want a ListenError for a port that is taken", err)
		}
		if listening.Port == taken {
			return err
		}
		r.usePorts(t) // Somebody else has taken one of the others.
	}
	t.Fatal("found no free ports")
	return nil
}

func TestAMissingCertificateIsNamedAndNothingStaysOpen(t *testing.T) {
	t.Parallel()
	r := build(t)
	defer r.options.Close(context.Background())
	r.options.CertPath = t.TempDir()
	_, err := server.Open(r.options)
	if !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("Open returned %v, want the missing file", err)
	}
	for _, want := range []string{r.options.CertPath, "tls.crt", "--cert-path"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not say %q", err, want)
		}
	}
	if !targettest.Refused(r.address(r.options.Port)) {
		t.Error("the HTTP port is open after Open failed")
	}
}

func TestEveryListenerIsOnTheHost(t *testing.T) {
	t.Parallel()
	const v4, v6 = "127.0.0.1", "::1"
	for _, test := range []struct{ host, listens, silent string }{
		{v4, v4, v6},
		{v6, v6, v4},
		{"[" + v6 + "]", v6, v4},
	} {
		t.Run(test.host, func(t *testing.T) {
			t.Parallel()
			needIPv6(t)
			r := start(t, "--host="+test.host)
			o := r.options
			for _, port := range []int{o.Port, o.SecurePort, o.MetricsPort, o.GRPCPort} {
				if targettest.Refused(net.JoinHostPort(test.listens, strconv.Itoa(port))) {
					t.Errorf("nobody listens at %s port %d", test.listens, port)
				}
				if !targettest.Refused(net.JoinHostPort(test.silent, strconv.Itoa(port))) {
					t.Errorf("somebody listens at %s port %d, too", test.silent, port)
				}
			}
		})
	}
}

// needIPv6 skips the test where there is no IPv6, or fails it where nothing may be skipped.
func needIPv6(t *testing.T) {
	t.Helper()
	l, err := listen(t, "[::1]:0")
	if err == nil {
		_ = l.Close()
		return
	}
	if os.Getenv(testkit.RequireAll) != "" {
		t.Fatalf("%s needs IPv6: %v", t.Name(), err)
	}
	t.Skipf("SKIPPED %s: needs IPv6: %v", t.Name(), err)
}

func TestPortZeroIsOff(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]func(*server.Options){
		"HTTP Server":    func(o *server.Options) { o.Port = 0 },
		"HTTPS Server":   func(o *server.Options) { o.SecurePort = 0 },
		"Metrics Server": func(o *server.Options) { o.MetricsPort = 0 },
		"GRPC Server":    func(o *server.Options) { o.GRPCPort = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := build(t)
			off(&r.options)
			r.serveOpened(t)
			for _, listener := range []string{"HTTP Server", "HTTPS Server", "Metrics Server", "GRPC Server"} {
				if r.log.has("Starting "+listener) == (listener == name) {
					t.Errorf("with %s off, the log tells of %s: %t", name, listener, listener != name)
				}
			}
		})
	}
}

func TestNothingListensWhenEverythingIsOff(t *testing.T) {
	t.Parallel()
	r := build(t)
	o := &r.options
	o.Port, o.SecurePort, o.MetricsPort, o.GRPCPort = 0, 0, 0, 0
	r.serveOpened(t)
	if r.log.has("Starting") {
		t.Error("the log tells of a listener")
	}
}

// serveOpened opens what the options say, stops at once, and wants that to go well.
func (r *rig) serveOpened(t *testing.T) {
	t.Helper()
	r.open(t)
	r.signals <- syscall.SIGTERM
	if code := r.Run(r.signals); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
