package otlphttp

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// with returns an environment from NAME=value, without what all names begin with.
func with(variables ...string) func(string) string {
	return func(name string) string {
		for _, v := range variables {
			if value, ok := strings.CutPrefix(v, strings.TrimPrefix(name, "OTEL_EXPORTER_OTLP_")+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		variables []string
		want      string
	}{
		{nil, "http://localhost:4318/v1/metrics"},
		{[]string{"INSECURE=false", "METRICS_CERTIFICATE=x"}, "http://localhost:4318/v1/metrics"},
		{[]string{"INSECURE=true", "ENDPOINT=https://a"}, "https://a/v1/metrics"},
		{[]string{"ENDPOINT=http://a:1"}, "http://a:1/v1/metrics"},
		{[]string{"ENDPOINT=https://a/otlp/"}, "https://a/otlp/v1/metrics"},
		{[]string{"ENDPOINT=http://a:1", "TRACES_ENDPOINT=http://b"}, "http://a:1/v1/metrics"},
		{[]string{"ENDPOINT=http://a:1", "METRICS_ENDPOINT=http://b/as/it/is"}, "http://b/as/it/is"},
	} {
		got, err := variables{with(test.variables...), "metrics"}.url()
		if err != nil || got != test.want {
			t.Errorf("%v: %s, %v; want %s", test.variables, got, err, test.want)
		}
	}
}

func TestOwnVariablesWin(t *testing.T) {
	t.Parallel()
	s, err := readSettings(with("TIMEOUT=1", "LOGS_TIMEOUT=250", "COMPRESSION=gzip", "LOGS_COMPRESSION=none",
		"HEADERS=a=1", "LOGS_HEADERS= b = 2 ,, c=3"), "logs")
	if err != nil {
		t.Fatal(err)
	}
	if s.timeout != 250*time.Millisecond || s.gzip || s.header.Get("A") != "" || s.header.Get("B") != "2" ||
		s.header.Get("C") != "3" || s.tls != nil {
		t.Errorf("the settings are %+v", s)
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for variable, want := range map[string]string{
		"TIMEOUT=soon":                 `OTEL_EXPORTER_OTLP_TIMEOUT="soon"`,
		"LOGS_TIMEOUT=0":               `OTEL_EXPORTER_OTLP_LOGS_TIMEOUT="0"`,
		"COMPRESSION=br":               "use gzip or none",
		"HEADERS=hunter2":              "OTEL_EXPORTER_OTLP_HEADERS: write it as",
		"HEADERS=a=hunter2%":           "OTEL_EXPORTER_OTLP_HEADERS: write it as",
		"HEADERS==hunter2":             "OTEL_EXPORTER_OTLP_HEADERS: write it as",
		"ENDPOINT=http://u:hunter2@:x": "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL",
		"CERTIFICATE=/no/such/file":    "OTEL_EXPORTER_OTLP_CERTIFICATE: open /no/such/file",
		"LOGS_CERTIFICATE=/no/such":    "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE: open /no/such",
		"TIMEOUT=9223372036855":        "from 1 to 2147483647", // in nanoseconds it overflows
		"CERTIFICATE=" + empty:         "holds no certificate",
		"CLIENT_KEY=/a":                "belong together",
		"CLIENT_CERTIFICATE=/a":        "belong together",
	} {
		_, err := readSettings(with(variable), "logs")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error is %v, want it to say %s and no secret", variable, err, want)
		}
	}
}

// TestOwnAuthority sends to a collector whose certificate only the file vouches for.
func TestOwnAuthority(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(status(200))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sender(t, s.URL, "CERTIFICATE="+file).send(t.Context(), spans()); err != nil {
		t.Errorf("with the file: %v", err)
	}
	if err := sender(t, s.URL).send(t.Context(), spans()); err == nil {
		t.Error("without the file the certificate is taken all the same")
	}
}
