// Package system tests the server as it runs in the world: the real binary with real parts around it, and what becomes
// of it when they fail or when clients are hostile. What a well-behaved client sees is the matter of the conformance
// table; here it is that a server survives, recovers, keeps its secrets and gives back what it took.
package system

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// patience is how long a test waits for what should come at once. Machines that run tests are busy.
const patience = 20 * time.Second

// podinfo is a running server and a client for it.
type podinfo struct {
	*testkit.Process
	client *http.Client
}

// start runs a server with these settings, as testkit.StartPodinfo takes them. When the test ends, everything that the
// server has written must be lines of its log: no library's own words, no trace of a panic, no race.
func start(t *testing.T, settings ...string) *podinfo {
	t.Helper()
	p := &podinfo{client: newClient(t)}
	t.Cleanup(func() { p.wroteOnlyItsLog(t) }) // registered first, so that it comes last, after the end of the process
	// Without it the race detector lets every process sleep a second before it exits.
	settings = append([]string{"GORACE=atexit_sleep_ms=0"}, settings...)
	p.Process = testkit.StartPodinfo(t, settings...)
	return p
}

func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (p *podinfo) wroteOnlyItsLog(t *testing.T) {
	t.Helper()
	if p.Process == nil {
		return // It did not start, which has failed the test already.
	}
	if out := p.Stdout(); out != "" {
		t.Errorf("the server wrote to stdout, where nothing is expected: %q", out)
	}
	for line := range strings.Lines(p.Stderr()) {
		entry, err := parseEntry(line)
		switch {
		case err != nil:
			t.Errorf("stderr has a line that is none of the log: %q (%v)", line, err)
		case entry["msg"] == "handler panicked" || strings.Contains(line, "superfluous"):
			t.Errorf("the log tells of a defect: %s", line)
		}
	}
}

// entry is a line of the log.
type entry map[string]any

func parseEntry(line string) (entry, error) {
	e := entry{}
	err := json.Unmarshal([]byte(line), &e)
	return e, err
}

// text returns a field that is text.
func (e entry) text(name string) string {
	value, _ := e[name].(string)
	return value
}

// logged returns the entries with this message that the server has logged so far.
func (p *podinfo) logged(msg string) []entry {
	var found []entry
	for line := range strings.Lines(p.Stderr()) {
		if e, err := parseEntry(line); err == nil && e["msg"] == msg {
			found = append(found, e)
		}
	}
	return found
}

// isAlive fails the test unless the process that was started still serves.
func (p *podinfo) isAlive(t *testing.T) {
	t.Helper()
	select {
	case <-p.Exited():
		t.Fatalf("the process has ended; stderr:\n%s", p.Stderr())
	default:
	}
	if got := p.get(t, "/version"); got.status != http.StatusOK {
		t.Errorf("GET /version: status %d, want 200", got.status)
	}
}

// reply is what came back for a request.
type reply struct {
	status int
	header http.Header
	body   string
}

func (p *podinfo) get(t *testing.T, path string) reply {
	t.Helper()
	return p.send(t, http.MethodGet, path, "")
}

// json reads the answer to a GET into a value.
func (p *podinfo) json(t *testing.T, path string, into any) {
	t.Helper()
	got := p.get(t, path)
	if err := json.Unmarshal([]byte(got.body), into); err != nil {
		t.Fatalf("GET %s: status %d, %v; body %q", path, got.status, err, got.body)
	}
}

// send sends a request with header fields in pairs of name and value, and fails the test when it is not answered.
func (p *podinfo) send(t *testing.T, method, path, body string, fields ...string) reply {
	t.Helper()
	got, err := p.try(t, method, p.URL+path, body, fields...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// try is send for any URL, and for requests that may go unanswered.
func (p *podinfo) try(t *testing.T, method, url, body string, fields ...string) (reply, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for pair := range slices.Chunk(fields, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	got, err := p.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	return reply{got.StatusCode, got.Header, string(content)}, err
}

// metrics returns what a scrape shows.
func (p *podinfo) metrics(t *testing.T) string {
	t.Helper()
	got, err := p.try(t, http.MethodGet, p.MetricsURL+"/metrics", "")
	if err != nil || got.status != http.StatusOK {
		t.Fatalf("GET %s/metrics: status %d, %v", p.MetricsURL, got.status, err)
	}
	return got.body
}

// gauge returns the value of a metric without labels.
func (p *podinfo) gauge(t *testing.T, name string) float64 {
	t.Helper()
	return valueOf(t, p.metrics(t), name)
}

func valueOf(t *testing.T, scrape, name string) float64 {
	t.Helper()
	match := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(scrape)
	if match == nil {
		t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		t.Fatalf("the value of %s: %v", name, err)
	}
	return value
}
