package queueproxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/test/platform/queueproxy"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = 10 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(content)
}

// TestPodsAreApart runs two side by side. Each is reached, and reaches what its settings name.
func TestPodsAreApart(t *testing.T) {
	t.Parallel()
	for _, h2c := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2c %t", h2c), func(t *testing.T) {
			t.Parallel()
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "hello from the machine")
			}))
			t.Cleanup(backend.Close)
			p := queueproxy.Start(t, testkit.Build(t, "targets/knative"), queueproxy.Options{
				H2C: h2c, Settings: []string{"--backend-url=" + backend.URL, "PODINFO_UI_MESSAGE=hello from a variable"},
			})
			for _, test := range []struct{ url, want string }{
				{p.URL + "/api/info", "hello from a variable"},
				{p.URL + "/api/echo", "hello from the machine"},
				{"http://" + p.GRPCAddr + "/env", "K_REVISION=podinfo-00001"},
				{p.MetricsURL + "/metrics", "\ngo_goroutines "},
				{p.ProxyMetricsURL + "/metrics", "kn_serving_"}, // what has passed before
			} {
				if status, body := get(t, test.url); status != 200 || !strings.Contains(body, test.want) {
					t.Errorf("%s: %d %.300s; want 200 and %s", test.url, status, body, test.want)
				}
			}
			if !strings.Contains(p.Stderr(), "Starting podinfo") || !strings.Contains(p.ProxyLog(), "Starting queue-proxy") {
				t.Errorf("the logs are %q and %q", p.Stderr(), p.ProxyLog())
			}
		})
	}
}

func TestWithoutMetricsThereIsNoURLOfThem(t *testing.T) {
	t.Parallel()
	p := queueproxy.Start(t, testkit.Build(t, "targets/knative"), queueproxy.Options{
		Settings: []string{"--port-metrics=0", "PODINFO_JWT_SECRET=of the test"},
	})
	if p.MetricsURL != "" {
		t.Errorf("there is %s", p.MetricsURL)
	}
}

// TestProcessesAreSignaled ends one after the other, each in its own way.
func TestProcessesAreSignaled(t *testing.T) {
	t.Parallel()
	p := queueproxy.Start(t, testkit.Build(t, "targets/knative"), queueproxy.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.SignalApp(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, err := p.AppExit(ctx); code != 0 || err != nil {
		t.Errorf("the app exits with %d, %v; want 0", code, err)
	}
	if status, _ := get(t, p.URL+"/version"); status != http.StatusBadGateway {
		t.Errorf("queue-proxy alone answers %d, want 502", status)
	}
	if err := p.SignalProxy(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code, err := p.ProxyExit(ctx); code != -1 || err != nil {
		t.Errorf("queue-proxy exits with %d, %v; want -1", code, err)
	}
	if err := reads(t, p.GRPCAddr); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("whom nobody answers any more gets %v, want a connection that ends", err)
	}
}

// reads waits for a byte at an address.
func reads(t *testing.T, address string) error {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = conn.Read(make([]byte, 1))
	return err
}

// TestThePodEndsWithItsTest leaves nobody at its addresses.
func TestThePodEndsWithItsTest(t *testing.T) {
	t.Parallel()
	var address string
	t.Run("a test", func(t *testing.T) {
		address = queueproxy.Start(t, testkit.Build(t, "targets/knative"), queueproxy.Options{}).GRPCAddr
	})
	if address == "" {
		t.Skip("there was no pod")
	}
	if err := reads(t, address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("at the address of a pod that has ended: %v, want that the connection is refused", err)
	}
}
