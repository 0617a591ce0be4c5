package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestRedisAccess(t *testing.T) {
	t.Parallel()
	open := testkit.StartRedis(t)
	locked := testkit.StartRedis(t, "--requirepass", secret,
		"--user", "writer", "on", ">p@ss/word#1", "~*", "+@all",
		"--user", "reader", "on", ">"+secret, "~*", "+get", "+hello", "+auth")
	tests := []struct {
		name, server string
		refused      string // what the error says, if the server refuses the call
	}{
		{name: "no password needed", server: "tcp://" + open.Addr},
		{name: "redis scheme", server: "redis://" + open.Addr + "/0"},
		{name: "password", server: "tcp://:" + secret + "@" + locked.Addr},
		{name: "default user", server: "tcp://default:" + secret + "@" + locked.Addr},
		{name: "user", server: "redis://writer:p%40ss%2Fword%231@" + locked.Addr},
		{name: "user who may not write", server: "tcp://reader:" + secret + "@" + locked.Addr, refused: "NOPERM"},
		{name: "wrong password", server: "tcp://:wrong" + secret + "@" + locked.Addr, refused: "WRONGPASS"},
		{name: "unknown user", server: "tcp://nobody:" + secret + "@" + locked.Addr, refused: "WRONGPASS"},
		{name: "password missing", server: "tcp://" + locked.Addr, refused: "NOAUTH"},
		{name: "password where none is needed", server: "tcp://:" + secret + "@" + open.Addr},
		{name: "no such database", server: "tcp://" + open.Addr + "/99", refused: "DB index is out of range"},
		{name: "TLS to a plain port", server: "rediss://" + open.Addr + "?dial_timeout=1", refused: "TLS handshake"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := cache.Open(test.server, cache.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			err = c.Set(t.Context(), test.name, []byte("value"), time.Minute)
			if test.refused == "" {
				if got, getErr := c.Get(t.Context(), test.name); err != nil || getErr != nil || string(got) != "value" {
					t.Errorf("Set: %v, then Get: %q, %v; want the value back", err, got, getErr)
				}
				return
			}
			if !errors.Is(err, cache.ErrUnavailable) || !strings.Contains(err.Error(), test.refused) {
				t.Fatalf("Set: %v, want ErrUnavailable for %s", err, test.refused)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func TestRedisDatabase(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	third, fourth := open(t, "tcp://"+server.Addr+"/3"), open(t, "tcp://"+server.Addr+"?db=4")
	if err := third.Set(t.Context(), "k", []byte("in 3"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := fourth.Get(t.Context(), "k"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("Get in database 4 of a key set in 3: %v, want ErrNotFound", err)
	}
	if got, err := third.Get(t.Context(), "k"); err != nil || string(got) != "in 3" {
		t.Errorf("Get in database 3: %q, %v", got, err)
	}
}

func TestRedisTLS(t *testing.T) {
	t.Parallel()
	cert := testkit.NewCertificate(t)
	server := testkit.StartRedis(t, "--tls-cert-file", cert.CertFile, "--tls-key-file", cert.KeyFile,
		"--tls-ca-cert-file", cert.CertFile, "--requirepass", secret)
	address := "rediss://:" + secret + "@" + server.Addr

	t.Run("unknown issuer", func(t *testing.T) {
		t.Parallel()
		_, err := open(t, address).Get(t.Context(), "k")
		if !errors.Is(err, cache.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("Get: %v, want ErrUnavailable for the certificate", err)
		}
	})
	t.Run("issuer known to the system", func(t *testing.T) {
		t.Parallel()
		stdout, stderr := runProbe(t, address, "SSL_CERT_FILE="+cert.CertFile)
		if stdout != "answer: <nil>\n" || stderr != "" {
			t.Errorf("the cache answered %q and wrote %q to stderr", stdout, stderr)
		}
	})
	t.Run("skip verify", func(t *testing.T) {
		t.Parallel()
		c := open(t, address+"?skip_verify=true")
		value := bytes.Repeat([]byte("v"), 1<<20)
		if err := c.Set(t.Context(), "k", value, 0); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(t.Context(), "k"); err != nil || !bytes.Equal(got, value) {
			t.Errorf("Get: %d bytes, %v; want the %d that were set", len(got), err, len(value))
		}
	})
}

// TestRedisRoundTrips counts the commands that the server sees.
func TestRedisRoundTrips(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	c := open(t, "tcp://"+server.Addr)
	if err := c.Set(t.Context(), "k", []byte("v"), time.Minute); err != nil { // connects as well
		t.Fatal(err)
	}
	before := commands(t, server)
	for range 10 {
		_, found := c.Get(t.Context(), "k")
		_, missing := c.Get(t.Context(), "missing")
		if found != nil || !errors.Is(missing, cache.ErrNotFound) {
			t.Fatalf("Get: %v, %v", found, missing)
		}
		if err := errors.Join(c.Set(t.Context(), "k", nil, 0), c.Delete(t.Context(), "other")); err != nil {
			t.Fatal(err)
		}
	}
	// The count of commands processed includes the QUIT that ended the one before.
	if got := commands(t, server) - before - 2; got != 40 {
		t.Errorf("40 calls took %d commands, want one each", got)
	}
}

func commands(t *testing.T, server *testkit.Redis) int {
	t.Helper()
	_, after, _ := strings.Cut(server.Do("INFO stats"), "total_commands_processed:")
	digits, _, _ := strings.Cut(after, "\r\n")
	n, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatalf("the server's count of commands: %v", err)
	}
	return n
}

// TestRedisWrongType reads a key that another program uses for something else.
func TestRedisWrongType(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	server.Do("LPUSH list 1")
	c := open(t, "tcp://"+server.Addr)
	if _, err := c.Get(t.Context(), "list"); !errors.Is(err, cache.ErrUnavailable) {
		t.Errorf("Get of a list: %v, want ErrUnavailable", err)
	}
}

func TestRedisCallerGone(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	c := open(t, "tcp://"+server.Addr)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, get := c.Get(ctx, "k")
	for call, err := range map[string]error{"Get": get, "Set": c.Set(ctx, "k", nil, 0), "Delete": c.Delete(ctx, "k")} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, cache.ErrUnavailable) {
			t.Errorf("%s: %v, want the caller's own error and no blame on the cache", call, err)
		}
	}
}

func TestRedisTracing(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t, "--requirepass", secret)
	global := otel.GetTracerProvider()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	c, err := cache.Open("tcp://:"+secret+"@"+server.Addr, cache.Options{TracerProvider: provider})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
	if err := c.Set(ctx, "private-key", []byte("private-value"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(ctx, "private-key"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(ctx, "missing"); !errors.Is(err, cache.ErrNotFound) {
		t.Fatal(err)
	}
	parent.End()

	names := map[string]int{}
	for _, span := range exporter.GetSpans() {
		if span.SpanContext.TraceID() == parent.SpanContext().TraceID() {
			names[span.Name]++
		}
		text := fmt.Sprintf("%+v", span)
		for _, private := range []string{secret, "private-key", "private-value"} {
			if strings.Contains(text, private) {
				t.Errorf("span %s tells %q", span.Name, private)
			}
		}
	}
	if names["set"] != 1 || names["get"] != 2 {
		t.Errorf("spans in the caller's trace: %v, want one set and two get", names)
	}
	if otel.GetTracerProvider() != global {
		t.Error("the global tracer provider was replaced")
	}
}

func TestRedisTracingOfFailures(t *testing.T) {
	t.Parallel()
	locked := testkit.StartRedis(t, "--requirepass", secret)
	for _, c := range []struct{ server, kind, status string }{
		{"tcp://" + locked.Addr + "/0", "NOAUTH", "NOAUTH"},
		{"tcp://127.0.0.1:1", "*errors.errorString", ""}, // all that the dialer leaves of it,
	} {
		exporter := tracetest.NewInMemoryExporter()
		o := cache.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))}
		opened, err := cache.Open(c.server, o)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		if _, err := opened.Get(t.Context(), "key"); err == nil {
			t.Fatalf("%s: no error", c.server)
		}
		span := exporter.GetSpans()[0]
		got := map[attribute.Key]string{}
		for _, a := range span.Attributes {
			got[a.Key] = a.Value.String()
		}
		if span.Status.Code != codes.Error || got["error.type"] != c.kind ||
			got["db.response.status_code"] != c.status || got["db.namespace"] != "0" {
			t.Errorf("%s: the span has the status %v and %v, want the failure %s", c.server, span.Status, got, c.kind)
		}
	}
}
