package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/platform/queueproxy"
	"github.com/podinfo-targets/podinfo/test/testkit"
	"github.com/podinfo-targets/podinfo/test/testkit/grpckit"
)

// start runs the program in a pod.
func start(t *testing.T, o queueproxy.Options) *queueproxy.Pod {
	t.Helper()
	o.Settings = append(o.Settings, "PODINFO_JWT_SECRET=of the test", "GORACE=atexit_sleep_ms=0")
	return queueproxy.Start(t, testkit.Build(t, "targets/knative"), o)
}

// http2Client is a client that speaks nothing but HTTP/2 without TLS. It ends with the test.
func http2Client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func dial(t *testing.T, p *queueproxy.Pod) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(p.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask sends a request and returns the status and the body of its answer.
func ask(t *testing.T, client *http.Client, method, url, body string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(content)
}

// TestThroughQueueProxy speaks every protocol to the one port, whatever the revision calls it.
func TestThroughQueueProxy(t *testing.T) {
	t.Parallel()
	for name, h2c := range map[string]bool{"http1": false, "h2c": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "from the backend")
			}))
			t.Cleanup(backend.Close)
			p := start(t, queueproxy.Options{
				H2C: h2c, Settings: []string{"--level=debug", "--backend-url=" + backend.URL, "--cache-server=memory://"},
			})
			t.Run("HTTP/1.1", func(t *testing.T) { speaksHTTP1(t, p) })
			t.Run("HTTP/2", func(t *testing.T) { speaksHTTP2(t, p) })
			t.Run("websocket", func(t *testing.T) { speaksWebsocket(t, p) })
			t.Run("gRPC", func(t *testing.T) { speaksGRPC(t, p) })
			t.Run("metrics", func(t *testing.T) { showsMetrics(t, p) })
		})
	}
}

func speaksHTTP1(t *testing.T, p *queueproxy.Pod) {
	t.Helper()
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/api/info", "", 200, `"k_revision": "podinfo-00001"`},
		{"GET", "/env", "", 200, "K_SERVICE=podinfo"},
		{"POST", "/echo", "hello", 200, "from the backend"},
		{"GET", "/chunked/0", "", 200, "delay"},
		{"GET", "/status/418", "", 418, "418"},
		{"PUT", "/cache/a%20b", "\x00\xff", 202, ""},
		{"GET", "/cache/a%20b", "", 200, "\x00\xff"},
		{"GET", "/readyz", "", 200, "OK"},
	} {
		c := targettest.NewClient(p.URL)
		got, err := c.Do(test.method, test.path, test.body)
		c.Close()
		if err != nil || got.Status != test.status || !strings.Contains(got.Body, test.says) {
			t.Errorf("%s %s: %d %.200q, %v; want %d and %q", test.method, test.path, got.Status, got.Body, err,
				test.status, test.says)
		}
	}
}

// speaksHTTP2 wants HTTP/2 on both sides of queue-proxy. The log of the app tells of its own.
func speaksHTTP2(t *testing.T, p *queueproxy.Pod) {
	t.Helper()
	answer, body := ask(t, http2Client(t), "PUT", p.URL+"/cache/over-http2", "hello")
	if answer.StatusCode != http.StatusAccepted || answer.ProtoMajor != 2 {
		t.Errorf("%s over %s: %s; want 202 over HTTP/2", answer.Status, answer.Proto, body)
	}
	testkit.Eventually(t, patience, "the log to tell of the request", func() bool {
		for line := range strings.Lines(p.Stderr()) {
			if strings.Contains(line, "over-http2") && strings.Contains(line, `"proto":"HTTP/2.0"`) {
				return true
			}
		}
		return false
	})
}

func speaksWebsocket(t *testing.T, p *queueproxy.Pod) {
	t.Helper()
	conn := targettest.OpenSocket(t, p.URL)
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, message, err := conn.ReadMessage(); err != nil || !strings.Contains(string(message), `"msg":"hello"`) {
		t.Errorf("%q, %v; want an echo", message, err)
	}
}

// speaksGRPC makes what grpckit does, and a stream that goes both ways.
func speaksGRPC(t *testing.T, p *queueproxy.Pod) {
	t.Helper()
	conn := dial(t, p)
	grpckit.Check(t, conn, "podinfo", patience)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	talk, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := talk.Send(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := talk.Recv(); err != nil || len(got.GetListServicesResponse().GetService()) < 10 {
			t.Errorf("reflection: %v, %v; want all services", got, err)
		}
	}
}

// showsMetrics wants what has passed by now on the app's second port, and that the first shows it as well.
func showsMetrics(t *testing.T, p *queueproxy.Pod) {
	t.Helper()
	for url, wants := range map[string][]string{
		p.MetricsURL:      {"http_requests_total{", `path="api_info"`, `grpc_server_started_total{grpc_method="Echo"`},
		p.URL:             {"http_requests_total{", `path="api_info"`},
		p.ProxyMetricsURL: {"kn_serving_invocation_duration"},
	} {
		got := targettest.Ask(t, "GET", url, "/metrics")
		for _, want := range wants {
			if got.Status != 200 || !strings.Contains(got.Body, want) {
				t.Errorf("%s/metrics: %d without %s: %.300s", url, got.Status, want, got.Body)
			}
		}
	}
	if got := targettest.Ask(t, "GET", p.MetricsURL, "/version"); got.Status != 404 {
		t.Errorf("the metrics port answers /version with %d, want 404", got.Status)
	}
}

// TestReadiness asks as kubelet does: queue-proxy answers for itself and for the app.
func TestReadiness(t *testing.T) {
	t.Parallel()
	p := start(t, queueproxy.Options{Settings: []string{"--read-only", "--unready"}})
	if !p.Ready() {
		t.Error("the pod is not ready, though the app accepts connections")
	}
	// The switch of podinfo is behind its own path, for a revision whose probe names it.
	if got := targettest.Ask(t, "GET", p.URL, "/readyz"); got.Status != 503 {
		t.Errorf("/readyz: %d, want 503", got.Status)
	}
	for _, path := range []string{"/readyz/enable", "/fault_injection/enable"} {
		if got := targettest.Ask(t, "POST", p.URL, path); got.Status != 403 || !strings.Contains(got.Body, "read-only") {
			t.Errorf("POST %s: %d %s, want 403 that names --read-only", path, got.Status, got.Body)
		}
	}
}

// TestSecretsAreMasked sets what a Secret of the cluster would.
func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	p := start(t, queueproxy.Options{Settings: []string{"DB_PASSWORD=hunter2"}})
	got := targettest.Ask(t, "GET", p.URL, "/env")
	if strings.Contains(got.Body, "hunter2") || !strings.Contains(got.Body, "DB_PASSWORD=") {
		t.Errorf("/env shows %s, want the name without the value", got.Body)
	}
}

// TestConcurrencyIsLimited fills the one place of the revision and the ten in queue-proxy's queue; the rest is refused.
func TestConcurrencyIsLimited(t *testing.T) {
	t.Parallel()
	const requests, queue = 20, 10
	p := start(t, queueproxy.Options{Concurrency: 1, Settings: []string{"--level=debug"}})
	body, release := io.Pipe()
	held := make(chan int, 1)
	go func() { held <- post(t, p.URL+"/echo", body) }()
	testkit.Eventually(t, patience, "the first request to reach the app", func() bool {
		return strings.Contains(p.Stderr(), "/echo")
	})
	var served, refused atomic.Int64
	var asking sync.WaitGroup
	for range requests {
		asking.Go(func() {
			c := targettest.NewClient(p.URL)
			defer c.Close()
			switch got, err := c.Do("GET", "/version", ""); {
			case err != nil:
				t.Errorf("a request got no answer: %v", err)
			case got.Status == 200:
				served.Add(1)
			case got.Status == 503:
				refused.Add(1)
			default:
				t.Errorf("a request got %d, want 200 or 503", got.Status)
			}
		})
	}
	testkit.Eventually(t, patience, "what does not fit into the queue to be refused", func() bool {
		return refused.Load() == requests-queue
	})
	if n := served.Load(); n != 0 {
		t.Errorf("%d requests were served beside the one that fills the revision", n)
	}
	_ = release.Close()
	if status := <-held; status != 202 {
		t.Errorf("the first request got %d, want 202", status)
	}
	asking.Wait()
	if n := served.Load(); n != queue {
		t.Errorf("%d requests were served from the queue, want %d", n, queue)
	}
}

// post sends a body as long as there is more of it, and returns the status of the answer.
func post(t *testing.T, url string, body io.Reader) int {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Post(url, "", body)
	if err != nil {
		t.Errorf("POST %s: %v", url, err)
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// TestRequestsTimeOut has a request outlive the revision's timeout. The app hears of it, and so does a caller of gRPC.
func TestRequestsTimeOut(t *testing.T) {
	t.Parallel()
	p := start(t, queueproxy.Options{TimeoutSeconds: 1})
	begin := time.Now()
	if got := targettest.Ask(t, "GET", p.URL, "/delay/8"); got.Status != http.StatusGatewayTimeout {
		t.Errorf("status %d, want 504", got.Status)
	}
	_, err := delaypb.NewDelayServiceClient(dial(t, p)).Delay(t.Context(), &delaypb.DelayRequest{Seconds: 8})
	if status.Code(err) != codes.Unavailable { // What gRPC makes of 504.
		t.Errorf("the call ended with %v, want Unavailable", err)
	}
	if took := time.Since(begin); took > 6*time.Second {
		t.Errorf("the two took %s, want a second each", took)
	}
	if got := targettest.Ask(t, "GET", p.URL, "/version"); got.Status != 200 {
		t.Errorf("after the timeouts: %d, want 200", got.Status)
	}
}
