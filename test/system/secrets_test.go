package system

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// The secrets of an operator, each with a value that is found nowhere by chance.
const (
	redisPassword   = "redis/Secret@Kqz81"
	backendPassword = "backendSecretWvx27"
	backendOption   = "optionSecretPlm64"
)

// secretVariables are those of the environment that no one may see, whatever podinfo does with them.
func secretVariables() map[string]string {
	return map[string]string{
		"PODINFO_JWT_SECRET":                "jwtSecretHjr53",
		"AWS_ACCESS_KEY_ID":                 "AKIASecretTbn92",
		"AWS_SECRET_ACCESS_KEY":             "awsSecretYgd38",
		"AWS_SESSION_TOKEN":                 "sessionSecretUfc71",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN": "containerSecretMxk49",
		"OTEL_EXPORTER_OTLP_HEADERS":        "authorization=Bearer%20otlpSecretRzw16",
		"GITHUB_TOKEN":                      "githubSecretEjs85",
	}
}

// What a client may send along that is nobody else's business. Answers to itself may hold it.
const (
	clientToken = "clientSecretNvb30"
	clientQuery = "querySecretDqy62"
)

// TestSecretsStaySecret gives a server every kind of secret, asks it everything that it can be asked, takes Redis away
// and asks again, and then looks for them in all that it said to anyone: answers, log, traces, metrics and log records.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"quiet":          nil,
		"talkative":      {"--level=debug", "--log-requests"},
		"traced by grpc": {"--level=debug", "--log-requests", "--otel-service-name=secrets"},
		"traced by http": {"--level=debug", "--log-requests", "--otel-service-name=secrets",
			"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWithSecrets(t, settings...)
			s.askEverything(t)
			s.redis.Stop(syscall.SIGKILL)
			s.askTheCache(t)
			if code := s.p.Stop(t, syscall.SIGTERM); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			for where, text := range s.sent() {
				s.lookFor(t, where, text, clientToken, clientQuery)
			}
			for request, text := range s.answers {
				s.lookFor(t, "the answer to "+request, text)
			}
			if traced := strings.HasPrefix(name, "traced"); traced != (len(s.receiver.Spans()) > 0) {
				t.Errorf("the collector has %d spans", len(s.receiver.Spans()))
			}
		})
	}
}

// TestSecretsAreFound shows that the test above would find them: here they are shown because the operator says so.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	s := startWithSecrets(t, "--env-show-secrets")
	shown := s.p.get(t, "/env").body
	for _, secret := range s.secrets() {
		if secret != url.QueryEscape(redisPassword) && secret != redisPassword && !strings.Contains(shown, secret) {
			t.Errorf("/env does not show %s, though it is told to", secret)
		}
	}
	if !strings.Contains(shown, url.QueryEscape(redisPassword)) {
		t.Error("/env does not show the address of Redis as it is, though it is told to")
	}
}

// keeper is a server that has secrets to keep, and what it has been heard to say.
type keeper struct {
	p        *podinfo
	redis    *testkit.Redis
	receiver *otlpreceiver.Receiver
	answers  map[string]string // by request
}

func startWithSecrets(t *testing.T, settings ...string) *keeper {
	t.Helper()
	s := &keeper{
		redis:    testkit.StartRedis(t, "--requirepass", redisPassword),
		receiver: otlpreceiver.Start(t),
		answers:  map[string]string{},
	}
	endpoint := s.receiver.GRPC()
	if slices.Contains(settings, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf") {
		endpoint = s.receiver.HTTP()
	}
	backend := start(t)
	works := strings.Replace(backend.URL, "//", "//user:"+backendPassword+"@", 1)
	nobody := "http://user:" + backendPassword + "@" + testkit.ClosedAddress(t)
	cacheServer := "PODINFO_CACHE_SERVER="
	if slices.Contains(settings, "--log-requests") { // A command line can be looked at, too.
		cacheServer = "--cache-server="
	}
	settings = append(settings,
		cacheServer+"tcp://:"+url.QueryEscape(redisPassword)+"@"+s.redis.Addr,
		"PODINFO_BACKEND_URL="+strings.Join([]string{
			works + "/echo?access_token=" + backendOption, works + "/status/500?token=" + backendOption,
			nobody + "/?token=" + backendOption, "http://user:" + backendPassword + "@bad url/",
		}, ","),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint)
	for name, value := range secretVariables() {
		settings = append(settings, name+"="+value)
	}
	s.p = start(t, settings...)
	return s
}

// secrets are the values to look for, in the forms in which they may appear.
func (s *keeper) secrets() []string {
	secrets := []string{redisPassword, url.QueryEscape(redisPassword), backendPassword, backendOption}
	for _, value := range secretVariables() {
		secrets = append(secrets, value[max(strings.LastIndex(value, "%20"), 0):])
	}
	return secrets
}

// askEverything sends each route each method, and talks to the other ports too.
func (s *keeper) askEverything(t *testing.T) {
	t.Helper()
	for _, route := range handlers.Routes() {
		if route.Path == "/panic" || route.Path == "/chunked" { // the end of the process, and a wait of many seconds
			continue
		}
		path := strings.NewReplacer("{wait}", "0", "{code}", "500", "{hash}", hashOf("body"), "{key}", "key",
			"{file}", "app.js", "*", "index.html").Replace(route.Path)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "INVENTED"} {
			s.ask(t, method, s.p.URL+path)
		}
		s.ask(t, http.MethodPost, s.p.URL+"/fault_injection/disable") // It has just been enabled.
	}
	for _, path := range []string{"/nowhere", "//version", "/swagger/", "/status/204", "/debug/pprof/cmdline"} {
		s.ask(t, http.MethodGet, s.p.URL+path)
	}
	for _, path := range []string{
		"/metrics", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1",
	} {
		s.ask(t, http.MethodGet, s.p.MetricsURL+path)
	}
	s.ask(t, http.MethodGet, s.p.URL+"/", "User-Agent", "Mozilla/5.0") // the page
	s.talk(t)
	for i, answer := range callEverything(t, s.p.GRPCAddr) {
		s.answers[fmt.Sprintf("call %d by gRPC", i)] += answer
	}
}

// askTheCache makes the cache fail.
func (s *keeper) askTheCache(t *testing.T) {
	t.Helper()
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		s.ask(t, method, s.p.URL+"/cache/key")
	}
}

// ask sends a request with the client's own secrets and keeps the answer.
func (s *keeper) ask(t *testing.T, method, target string, fields ...string) {
	t.Helper()
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	got, err := s.p.try(t, method, target+separator+"access_token="+clientQuery, "body", append(fields,
		"Authorization", "Bearer "+clientToken, "Cookie", "session="+clientToken, "X-Api-Key", clientToken,
		"Traceparent", traceparent)...)
	if err != nil {
		t.Errorf("%s %s: %v", method, target, err)
	}
	s.answers[method+" "+target] += fmt.Sprint(got.header, got.body)
}

// talk says something over a websocket.
func (s *keeper) talk(t *testing.T) {
	t.Helper()
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(),
		"ws"+strings.TrimPrefix(s.p.URL, "http")+"/ws/echo?access_token="+clientQuery, nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_ = answer.Body.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Error(err)
	}
	_, said, err := conn.ReadMessage()
	if err != nil {
		t.Error(err)
	}
	s.answers["a message over the websocket"] += string(said)
}

// sent is what the server told others than its clients.
func (s *keeper) sent() map[string]string {
	sent := map[string]string{"the log": s.p.Stderr() + s.p.Stdout()}
	for _, span := range s.receiver.Spans() {
		sent["a span"] += fmt.Sprint(span.Resource, span.Span)
	}
	for _, metric := range s.receiver.Metrics() {
		sent["a metric"] += fmt.Sprint(metric.Resource, metric.Metric)
	}
	for _, record := range s.receiver.Records() {
		sent["a log record"] += fmt.Sprint(record.Resource, record.LogRecord)
	}
	return sent
}

// lookFor fails the test for each secret that a text holds.
func (s *keeper) lookFor(t *testing.T, where, text string, more ...string) {
	t.Helper()
	for _, secret := range append(s.secrets(), more...) {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("%s holds the secret %s: ...%.300q", where, secret, text[max(i-150, 0):])
		}
	}
}
