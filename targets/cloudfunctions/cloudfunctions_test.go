package cloudfunctions_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/targets/cloudfunctions"
	platform "github.com/podinfo-targets/podinfo/test/platform/cloudfunctions"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const patience = 20 * time.Second

// start runs the function under the framework. Under the race detector it would rest for a second before it leaves.
func start(t *testing.T, settings ...string) *testkit.Process {
	t.Helper()
	return platform.Start(t, platform.Build(t), append(settings, "GORACE=atexit_sleep_ms=0")...)
}

// answer is what came back. Its header is there even if its body could not be read to the end.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// ask sends a request on a connection of its own; headers are "Name: value". It follows no redirect.
func ask(t *testing.T, p *testkit.Process, method, path, body string, headers ...string) answer {
	t.Helper()
	got, err := try(p, method, path, strings.NewReader(body), headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// try is ask for the goroutines of a test.
func try(p *testkit.Process, method, path string, body io.Reader, headers ...string) (answer, error) {
	request, err := http.NewRequest(method, p.URL+path, body)
	if err != nil {
		return answer{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	got, err := transport.RoundTrip(request)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return answer{status: got.StatusCode, header: got.Header, body: string(text), err: err}, nil
}

// wantError wants the error object, its status, and words in its message.
func wantError(t *testing.T, got answer, status int, words ...string) {
	t.Helper()
	var object struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal([]byte(got.body), &object); err != nil {
		t.Fatalf("%d %q is no error object: %v", got.status, got.body, err)
	}
	if got.status != status || object.Code != status {
		t.Errorf("status %d, code %d, want %d: %s", got.status, object.Code, status, got.body)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
		t.Errorf("the error object has the type %q", kind)
	}
	for _, word := range words {
		if !strings.Contains(object.Message, word) {
			t.Errorf("the message %q does not tell %q", object.Message, word)
		}
	}
}

// lines returns what the function has logged. Between the lines are the empty ones of the framework.
func lines(t *testing.T, p *testkit.Process) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(p.Stderr()) {
		if strings.TrimSpace(line) == "" || !strings.HasSuffix(line, "\n") {
			continue
		}
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["severity"] == nil {
			t.Fatalf("%q is not a line that Cloud Logging reads: %v", line, err)
		}
		all = append(all, entry)
	}
	return all
}

// logged waits for the first line with that message.
func logged(t *testing.T, p *testkit.Process, message string) map[string]any {
	t.Helper()
	var found map[string]any
	testkit.Eventually(t, patience, "the log to tell: "+message, func() bool {
		for _, entry := range lines(t, p) {
			if entry["message"] == message {
				found = entry
				return true
			}
		}
		return false
	})
	return found
}

func TestUsageNamesOnlyWhatThePlatformHas(t *testing.T) {
	t.Parallel()
	var usage strings.Builder
	if err := config.Usage(&usage, cloudfunctions.Target); err != nil {
		t.Fatal(err)
	}
	for _, name := range cloudfunctions.Target.Withheld {
		if strings.Contains(usage.String(), "--"+name+" ") {
			t.Errorf("the usage offers --%s", name)
		}
	}
}

func TestInfoNamesTheInstance(t *testing.T) {
	t.Parallel()
	p := start(t, "K_SERVICE=shop", "K_REVISION=shop-00007-xyz", "K_CONFIGURATION=shop-config")
	body := ask(t, p, "GET", "/api/info", "").body
	const want = `"k_service": "shop",
  "k_revision": "shop-00007-xyz",
  "k_configuration": "shop-config"`
	if !strings.Contains(body, want) {
		t.Errorf("/api/info says %s, want %s in it", body, want)
	}
}

// TestProbes asks for them under the paths that reach the container: those that end in z may not.
func TestProbes(t *testing.T) {
	t.Parallel()
	p := start(t, "--unready")
	for path, status := range map[string]int{
		"/health/live": 200, "/healthz": 200, "/health/ready": 503, "/readyz": 503,
	} {
		if got := ask(t, p, "GET", path, ""); got.status != status {
			t.Errorf("GET %s is answered %d, want %d", path, got.status, status)
		}
	}
}

func TestMetricsOfTheInstance(t *testing.T) {
	t.Parallel()
	p := start(t)
	ask(t, p, "GET", "/version", "")
	const want = `http_request_duration_seconds_count{method="GET",path="version",status="200"} 1`
	if got := ask(t, p, "GET", "/metrics", "").body; !strings.Contains(got, want) {
		t.Errorf("/metrics lacks %s", want)
	}
}

// TestStoreIsWritable holds that the default directory is one that the platform lets be written to.
func TestStoreIsWritable(t *testing.T) {
	t.Parallel()
	if dir := cloudfunctions.Target.Defaults["data-path"]; dir != "/tmp" {
		t.Errorf("the default of data-path is %q, want /tmp, the only place to write to", dir)
	}
	p := start(t)
	if got := ask(t, p, "POST", "/store", "content"); got.status != 202 {
		t.Errorf("POST /store is answered %d %s", got.status, got.body)
	}
}

func TestEnvMasksThePlatformsCredentials(t *testing.T) {
	t.Parallel()
	p := start(t, "GOOGLE_APPLICATION_CREDENTIALS=/secrets/s3cret.json", "STRIPE_API_KEY=s3cret",
		"CLOUDSDK_AUTH_ACCESS_TOKEN=s3cret")
	body := ask(t, p, "GET", "/env", "").body
	if strings.Contains(body, "s3cret") || !strings.Contains(body, "GOOGLE_APPLICATION_CREDENTIALS=") {
		t.Errorf("/env says %s", body)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	p := start(t, "--read-only")
	for path, method := range map[string]string{
		"/panic": "GET", "/readyz/disable": "POST", "/fault_injection/enable": "POST",
	} {
		wantError(t, ask(t, p, method, path, ""), http.StatusForbidden, "read-only")
	}
}

// TestPanicEndsTheContainer: the platform starts another one.
func TestPanicEndsTheContainer(t *testing.T) {
	t.Parallel()
	p := start(t)
	_, _ = try(p, "GET", "/panic", nil)
	if code := p.Wait(t, patience); code != 255 {
		t.Errorf("exit code %d, want 255", code)
	}
}

func TestWebsocket(t *testing.T) {
	t.Parallel()
	p := start(t)
	socket, _, err := websocket.DefaultDialer.Dial(strings.Replace(p.URL, "http", "ws", 1)+"/ws/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := socket.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = socket.SetReadDeadline(time.Now().Add(patience))
	if _, message, err := socket.ReadMessage(); err != nil || !strings.Contains(string(message), `"msg":"hello"`) {
		t.Errorf("the echo is %s (%v)", message, err)
	}
}

func TestGRPCIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	got := ask(t, p, "POST", "/version.VersionService/Version", "", "Content-Type: application/grpc")
	wantError(t, got, http.StatusNotImplemented, "gRPC", "HTTP/2")
}

func TestPluginsAreWithheld(t *testing.T) {
	t.Parallel()
	p := start(t, "PODINFO_PLUGINS_PATH=/nowhere") // Nothing there looks at it.
	for _, request := range [][2]string{
		{"GET", "/plugins"}, {"GET", "/plugins/cbor"}, {"POST", "/plugins/cbor/encode"}, {"POST", "/plugins/cbor/kill"},
		{"DELETE", "/plugins/cbor"},
	} {
		wantError(t, ask(t, p, request[0], request[1], ""), http.StatusNotImplemented, "plugins are not possible")
	}
}

// TestFrameworkRedirectsUncleanPaths pins down what podinfo cannot change: the framework's own router sends who asks
// for //version to /version, with 307, before the function is called.
func TestFrameworkRedirectsUncleanPaths(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, path := range []string{"//version", "/./version", "/a/../version"} {
		got := ask(t, p, "GET", path+"?a=1", "")
		if location := got.header.Get("Location"); got.status != 307 || location != "/version?a=1" {
			t.Errorf("GET %s is answered %d to %q", path, got.status, location)
		}
	}
}

// TestEscapedPaths: those the framework's router leaves as they are.
func TestEscapedPaths(t *testing.T) {
	t.Parallel()
	p := start(t, "--cache-server=memory://")
	if got := ask(t, p, "PUT", "/cache/a%20b", "value"); got.status != 202 {
		t.Errorf("PUT is answered %d %s", got.status, got.body)
	}
	if got := ask(t, p, "GET", "/cache/a%20b", ""); got.body != "value" {
		t.Errorf("GET is answered %d %s", got.status, got.body)
	}
	if got := ask(t, p, "GET", "/%76ersion", ""); got.status != 200 {
		t.Errorf("GET /%%76ersion is answered %d", got.status)
	}
}

func TestBadConfigurationEndsTheStart(t *testing.T) {
	t.Parallel()
	p := testkit.Exec(t, platform.Build(t), nil, []string{
		"PORT=0", "LOCAL_ONLY=true", "FUNCTION_TARGET=Podinfo", "PODINFO_RANDOM_DELAY_UNIT=hours",
		"GORACE=atexit_sleep_ms=0",
	})
	if code := p.Wait(t, patience); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	all := lines(t, p)
	if len(all) != 1 || all[0]["severity"] != "CRITICAL" || p.Stdout() != "" {
		t.Fatalf("want one critical line, got %v and on stdout %q", all, p.Stdout())
	}
	message, _ := all[0]["message"].(string)
	for _, word := range []string{"podinfo cannot start", "PODINFO_RANDOM_DELAY_UNIT", `"hours"`} {
		if !strings.Contains(message, word) {
			t.Errorf("the message %q does not tell %s", message, word)
		}
	}
}

// TestWrongExporterEndsTheStart: there is no gRPC to export by.
func TestWrongExporterEndsTheStart(t *testing.T) {
	t.Parallel()
	p := testkit.Exec(t, platform.Build(t), nil, []string{
		"PORT=0", "LOCAL_ONLY=true", "FUNCTION_TARGET=Podinfo", "PODINFO_OTEL_SERVICE_NAME=shop",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "PODINFO_LEVEL=panic", "GORACE=atexit_sleep_ms=0",
	})
	if code := p.Wait(t, patience); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	all := lines(t, p)
	if len(all) != 1 || !strings.Contains(fmt.Sprint(all[0]["message"]), "OTEL_EXPORTER_OTLP_PROTOCOL") {
		t.Errorf("want one line that names the variable, got %v", all)
	}
}

func TestUnknownTargetEndsTheStart(t *testing.T) {
	t.Parallel()
	p := testkit.Exec(t, platform.Build(t), nil, []string{"PORT=0", "LOCAL_ONLY=true", "FUNCTION_TARGET=Other"})
	if code := p.Wait(t, patience); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if !strings.Contains(p.Stderr(), `no matching function found with name: \"Other\"`) &&
		!strings.Contains(p.Stderr(), `no matching function found with name: "Other"`) {
		t.Errorf("stderr is %s", p.Stderr())
	}
}

// TestOpenTouchesNothing makes functions in this process, as a program that only looks at the package would.
func TestOpenTouchesNothing(t *testing.T) {
	t.Parallel()
	for range 2 {
		if _, err := cloudfunctions.Open(os.Environ(), io.Discard, func(int) {}); err != nil {
			t.Fatal(err)
		}
	}
}
