package app_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/info"
	"github.com/podinfo-targets/podinfo/shared/logging"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = 10 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// assembled is an app and its log.
type assembled struct {
	*app.App
	log *journal
}

// assemble makes an app from settings, flags or NAME=value, and closes it at the end of the test.
func assemble(t *testing.T, o app.Options, settings ...string) *assembled {
	t.Helper()
	log := &journal{}
	o.Stderr = log
	a, err := app.New(load(t, settings...), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		a.Close(ctx)
		if ctx.Err() != nil {
			t.Error("Close took all the time that it had")
		}
	})
	return &assembled{App: a, log: log}
}

func load(t *testing.T, settings ...string) *config.Config {
	t.Helper()
	args, environ := []string{"--data-path=" + t.TempDir()}, []string(nil)
	for _, s := range settings {
		if strings.HasPrefix(s, "-") {
			args = append(args, s)
			continue
		}
		environ = append(environ, s)
	}
	environ = append(environ, "PODINFO_JWT_SECRET=of the test") // The first of two counts.
	cfg, err := config.Load(args, environ, config.Server)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// get asks the API.
func (a *assembled) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	a.API.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return answer.Code, answer.Body.String()
}

// TestEverythingIsClosed has all parts on that work behind the requests; TestMain looks for what they leave behind.
func TestEverythingIsClosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "color"), []byte("blue"), 0o600); err != nil {
		t.Fatal(err)
	}
	exporter := &exporter{}
	a := assemble(t, app.Options{
		Exporters: tracesTo(exporter, nil),
	}, "--config-path="+dir, "--cache-server=memory://", "--otel-service-name=test", "--stress-cpu=1",
		"--stress-memory=1", "--backend-url=http://127.0.0.1:1", "--level=debug")
	for path, want := range map[string]string{
		"/version": `"version"`, "/configs": `"color": "blue"`, "/cache/" + a.Identity.Hostname: a.Identity.Version,
	} {
		testkit.Eventually(t, patience, path+" to contain "+want, func() bool {
			status, body := a.get(t, path)
			return status == http.StatusOK && strings.Contains(body, want)
		})
	}
	a.Close(t.Context())
	if exporter.spans.Load() == 0 || !exporter.closed.Load() {
		t.Errorf("%d spans were exported, closed: %t; want the last of them to be flushed", exporter.spans.Load(),
			exporter.closed.Load())
	}
}

// Everybody can read /configs, and plugins can read the same files.
func TestConfigFileWithSecretsIsNotShown(t *testing.T) {
	t.Parallel()
	for content, shown := range map[string]bool{
		"ui-color: red\n":                                        true,
		"cache-server: memory://\n":                              true,
		"jwt-secret: correct-horse\n":                            false,
		"cache-server: redis://user:correct-horse@127.0.0.1:1\n": false,
	} {
		t.Run(content, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, content := range map[string]string{"config.yaml": content, "color": "blue"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			a := assemble(t, app.Options{}, "--config-path="+dir)
			_, body := a.get(t, "/configs")
			if !strings.Contains(body, "blue") || strings.Contains(body, "config.yaml") != shown {
				t.Errorf("/configs shows %s", body)
			}
			if _, there := a.Configs()["config.yaml"]; there != shown {
				t.Errorf("plugins can read the config file: %t, want %t", there, shown)
			}
			a.Close(t.Context())
		})
	}
}

func tracesTo(e sdktrace.SpanExporter, err error) func() (telemetry.Exporters, error) {
	return func() (telemetry.Exporters, error) {
		return telemetry.Exporters{Traces: func(context.Context) (sdktrace.SpanExporter, error) { return e, err }}, nil
	}
}

// exporter counts spans.
type exporter struct {
	spans  atomic.Int64
	from   atomic.Pointer[resource.Resource] // of the last span
	closed atomic.Bool
}

// resource is what the spans were exported for.
func (e *exporter) resource() *attribute.Set { return e.from.Load().Set() }

func (e *exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.spans.Add(int64(len(spans)))
	for _, span := range spans {
		e.from.Store(span.Resource())
	}
	return nil
}

func (e *exporter) Shutdown(context.Context) error {
	e.closed.Store(true)
	return nil
}

func TestTheDefaultSecretIsWarnedOf(t *testing.T) {
	t.Parallel()
	const warning = "well-known default secret"
	for _, test := range []struct {
		secret string
		warns  bool
	}{
		{"PODINFO_JWT_SECRET=", true},
		{"PODINFO_JWT_SECRET=" + config.DefaultJWTSecret, true},
		{"PODINFO_JWT_SECRET=a secret of my own", false},
	} {
		a := assemble(t, app.Options{}, test.secret)
		if got := a.log.has(warning); got != test.warns {
			t.Errorf("with %s the log warns of the %s: %t, want %t", test.secret, warning, got, test.warns)
		}
		if a.log.has(config.DefaultJWTSecret) || a.log.has("a secret of my own") {
			t.Errorf("the secret is in the log: %s", a.log)
		}
	}
}

// TestWhatCanBeMendedLaterIsWarnedOf has settings that do not work, which is no reason not to start.
func TestWhatCanBeMendedLaterIsWarnedOf(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for _, test := range []struct {
		setting, warning string
		path             string
		status           int
	}{
		{"--cache-server=tcp:/redis", "cache server is offline", "/cache/a", http.StatusBadGateway},
		{"--cache-server=tcp://127.0.0.1:1", "cache server is offline", "/cache/a", http.StatusBadGateway},
		{"--config-path=" + nowhere, "--config-path is not watched", "/configs", http.StatusOK},
		{"--ui-path=" + nowhere, "", "/", http.StatusOK},
		{"--data-path=" + nowhere, "", "/configs", http.StatusOK},
	} {
		t.Run(test.setting, func(t *testing.T) {
			t.Parallel()
			a := assemble(t, app.Options{}, test.setting)
			testkit.Eventually(t, patience, "the log to warn: "+test.warning, func() bool { return a.log.has(test.warning) })
			if status, body := a.get(t, test.path); status != test.status {
				t.Errorf("GET %s: %d %s, want %d", test.path, status, body, test.status)
			}
			if status, _ := a.get(t, "/version"); status != http.StatusOK {
				t.Errorf("GET /version: %d, want 200", status)
			}
		})
	}
}

func TestACachePasswordStaysOutOfTheLog(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"tcp://user:hunter2@127.0.0.1:1", "tcp:/user:hunter2@redis"} {
		a := assemble(t, app.Options{}, "--cache-server="+server)
		testkit.Eventually(t, patience, "the log to warn", func() bool { return a.log.has("cache server is offline") })
		if a.log.has("hunter2") {
			t.Errorf("the password is in the log: %s", a.log)
		}
	}
}

func TestTelemetryThatCannotStartIsAnError(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such exporter")
	_, err := app.New(load(t, "--otel-service-name=test"), app.Options{
		Stderr:    &journal{},
		Exporters: tracesTo(nil, cause),
	})
	if !errors.Is(err, cause) {
		t.Errorf("New returned %v, want %v", err, cause)
	}
}

// TestTwoLiveSideBySide has two apps with different settings in one process.
func TestTwoLiveSideBySide(t *testing.T) {
	t.Parallel()
	one := assemble(t, app.Options{}, "--ui-message=one")
	two := assemble(t, app.Options{Withheld: map[handlers.Capability]string{handlers.Cache: "no cache here"}},
		"--ui-message=two", "--unhealthy")
	for _, test := range []struct {
		app    *assembled
		path   string
		status int
		body   string
	}{
		{one, "/api/info", 200, `"message": "one"`},
		{two, "/api/info", 200, `"message": "two"`},
		{one, "/healthz", 200, "OK"},
		{two, "/healthz", 503, ""},
		{one, "/cache/a", 503, "offline"},
		{two, "/cache/a", 501, "no cache here"},
	} {
		if status, body := test.app.get(t, test.path); status != test.status || !strings.Contains(body, test.body) {
			t.Errorf("GET %s: %d %s, want %d %s", test.path, status, body, test.status, test.body)
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	a := assemble(t, app.Options{Exit: func(int) { t.Error("the process was to end") }}, "--read-only")
	if status, body := a.get(t, "/panic"); status != http.StatusForbidden || !strings.Contains(body, "--read-only") {
		t.Errorf("GET /panic: %d %s, want 403 and the setting", status, body)
	}
}

// TestThePlatformSpeaksThroughTheApp has a target bring all that a target may.
func TestThePlatformSpeaksThroughTheApp(t *testing.T) {
	t.Parallel()
	type key struct{}
	exporter := &exporter{}
	layout := logging.Standard()
	layout.Message = "message"
	var observed []telemetry.Observation
	a := assemble(t, app.Options{
		Exporters:  tracesTo(exporter, nil),
		Attributes: []attribute.KeyValue{attribute.String("faas.name", "podinfo")},
		Platform:   []info.Field{{Name: "k_service", Value: "shop"}, {Name: "k_revision", Value: "shop-1"}},
		Layout:     layout,
		Observe: func(ctx context.Context, o telemetry.Observation) {
			if ctx.Value(key{}) != "the request's" {
				t.Error("the observation came without the request's context")
			}
			observed = append(observed, o)
		},
	}, "--otel-service-name=test")

	answer := httptest.NewRecorder()
	ctx := context.WithValue(t.Context(), key{}, "the request's")
	a.API.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/info", nil))
	const fields = ",\n  \"k_service\": \"shop\",\n  \"k_revision\": \"shop-1\"\n}"
	if body := answer.Body.String(); !strings.HasSuffix(body, fields) {
		t.Errorf("/api/info does not end in the platform's fields: %s", body)
	}
	if len(observed) != 1 || observed[0].Path != "api_info" || observed[0].Status != "200" || !observed[0].Timed {
		t.Errorf("observed were %+v, want the one request", observed)
	}
	a.Log.Info("a line of the test")
	if !a.log.has(`"message":"a line of the test"`) {
		t.Errorf("the log is not in the target's layout: %s", a.log)
	}
	a.Close(t.Context())
	if name, ok := exporter.resource().Value("faas.name"); !ok || name.AsString() != "podinfo" {
		t.Errorf("the exported resource's faas.name is %q, want the target's", name.AsString())
	}
}

// journal keeps the log.
type journal struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}

func (j *journal) has(text string) bool { return strings.Contains(j.String(), text) }
