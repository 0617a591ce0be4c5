package knative

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// patience is what one request may take, the start of a pod on a small and busy machine included.
const patience = time.Minute

// ingress is where this machine reaches the public services of the cluster.
type ingress struct{ address string }

// newIngress finds the ingress: at E2E_INGRESS, or at port 80 of the host that kubectl talks to, as on a cluster of one
// node.
func newIngress(t *testing.T, n *kube.Namespace) ingress {
	t.Helper()
	address := os.Getenv("E2E_INGRESS")
	if address == "" {
		server := n.Kubectl(t, "config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}")
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		address = net.JoinHostPort(u.Hostname(), "80")
	}
	in := ingress{address}
	conn, err := in.dial(t.Context(), "tcp", "")
	if err != nil {
		t.Fatalf("no ingress of Knative at %s (%v): set E2E_INGRESS to its HOST:PORT", address, err)
	}
	_ = conn.Close()
	return in
}

// dial connects to the ingress, whatever the address in a URL.
func (in ingress) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, in.address)
}

// client returns a client of HTTP/1.1, or of HTTP/2 without TLS, that ends with the test.
func (in ingress) client(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: in.dial, MaxIdleConnsPerHost: 100, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// answer is what came back for a request.
type answer struct {
	status, major int // the status, and the version of HTTP
	body          string
}

// ask sends one request.
func ask(client *http.Client, method, url, body string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r, err := client.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = r.Body.Close() }()
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return answer{}, fmt.Errorf("half an answer: %w", err)
	}
	return answer{r.StatusCode, r.ProtoMajor, string(content)}, nil
}

// info is what an instance tells of itself.
type info struct {
	Hostname string `json:"hostname"`
	Revision string `json:"k_revision"`
	Message  string `json:"message"` // the page's greeting
}

// whoIs asks who answers at url.
func whoIs(client *http.Client, url string) (info, error) {
	got, err := ask(client, http.MethodGet, url+"/api/info", "")
	if err != nil {
		return info{}, err
	}
	if got.status != http.StatusOK {
		return info{}, fmt.Errorf("%s answers %d: %.200s", url, got.status, got.body)
	}
	var who info
	if err := json.Unmarshal([]byte(got.body), &who); err != nil {
		return info{}, fmt.Errorf("%s answers %.200q: %w", url, got.body, err)
	}
	return who, nil
}
