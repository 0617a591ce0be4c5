package main

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// line is what every line of the log has, and what some have.
type line struct {
	Level, TS, Caller, Msg string
	Addr                   string
	Version, Revision      string
	Port                   int
	Timeout                float64
}

// log reads what the process has logged. Every line must be JSON and have the four keys.
func log(t *testing.T, p *testkit.Process) map[string]line {
	t.Helper()
	lines := map[string]line{}
	for text := range strings.Lines(p.Stderr()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("not JSON: %q: %v", text, err)
		}
		if l.Level == "" || l.TS == "" || l.Caller == "" || l.Msg == "" {
			t.Errorf("a key is missing in %q", text)
		}
		lines[l.Msg] = l
	}
	return lines
}

func TestLogTellsOfStartAndStop(t *testing.T) {
	t.Parallel()
	certificates := filepath.Dir(testkit.NewCertificate(t).CertFile)
	p := testkit.StartPodinfo(t, "--cert-path="+certificates, "--server-shutdown-timeout=7s")
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	lines := log(t, p)
	for msg, addr := range map[string]string{
		"Starting HTTP Server.":    strings.TrimPrefix(p.URL, "http://"),
		"Starting HTTPS Server.":   strings.TrimPrefix(p.SecureURL, "https://"),
		"Starting Metrics Server.": strings.TrimPrefix(p.MetricsURL, "http://"),
		"Starting GRPC Server.":    p.GRPCAddr,
	} {
		if got := lines[msg]; got.Level != "info" || got.Addr != addr {
			t.Errorf("%s: %+v, want level info and addr %s", msg, got, addr)
		}
	}
	start := lines["Starting podinfo"]
	if start.Level != "info" || start.Version != version.Version || start.Revision == "" ||
		!strings.HasSuffix(p.URL, ":"+strconv.Itoa(start.Port)) {
		t.Errorf("Starting podinfo: %+v, want version, revision and port", start)
	}
	for _, msg := range []string{"Shutting down HTTP/HTTPS server", "Shutting down GRPC server"} {
		if got := lines[msg]; got.Level != "info" || got.Timeout != 7 {
			t.Errorf("%s: %+v, want level info and a timeout of 7", msg, got)
		}
	}
}

// TestLogIsQuietWhenTold stays below every level, and the default secret is not left unmentioned at the others.
func TestLogIsQuietWhenTold(t *testing.T) {
	t.Parallel()
	const secret = "well-known default secret"
	for _, test := range []struct {
		level        string
		info, secret bool
	}{{"info", true, true}, {"warn", false, true}, {"error", false, false}} {
		t.Run(test.level, func(t *testing.T) {
			t.Parallel()
			p := testkit.StartPodinfo(t, "--level="+test.level)
			p.Stop(t, syscall.SIGTERM)
			if got := strings.Contains(p.Stderr(), "Starting"); got != test.info {
				t.Errorf("the log tells of the start: %t", got)
			}
			if got := strings.Contains(p.Stderr(), secret); got != test.secret {
				t.Errorf("the log warns of the %s: %t", secret, got)
			}
		})
	}
}
