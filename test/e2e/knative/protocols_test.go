package knative

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/podinfo-targets/podinfo/test/testkit/grpckit"
)

// TestProtocols speaks to service.yaml whatever it is for, through the ingress, the activator and queue-proxy.
func TestProtocols(t *testing.T) {
	t.Parallel()
	s := newService(t, "podinfo", manifest(t, "service.yaml", published()))
	url := s.url(t, s.client(t, false))
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		got, err := ask(s.client(t, http2), http.MethodPost, url+"/api/echo", "hello")
		if err != nil || got.status != http.StatusAccepted || got.body != "hello" || (got.major == 2) != http2 {
			t.Errorf("over %s: %d %q over HTTP/%d, %v; want an echo", name, got.status, got.body, got.major, err)
		}
	}
	got, err := ask(s.client(t, false), http.MethodPost, url+"/store", "kept in the volume")
	if err != nil || got.status != http.StatusAccepted {
		t.Errorf("/store answers %d %s, %v; want 202", got.status, got.body, err)
	}
	s.websocket(t, url)
}

func (s *service) websocket(t *testing.T, url string) {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: s.dial, HandshakeTimeout: patience}
	conn, answer, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/ws/echo", nil)
	if err != nil {
		t.Fatalf("websocket: %v", err)
	}
	_ = answer.Body.Close()
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, message, err := conn.ReadMessage(); err != nil || !strings.Contains(string(message), `"msg":"hello"`) {
		t.Errorf("the websocket says %q, %v; want an echo", message, err)
	}
}

// TestGRPC calls service-grpc.yaml through the ingress: a call, a stream that lasts, and an error, which HTTP/2 carries
// in trailers.
func TestGRPC(t *testing.T) {
	t.Parallel()
	s := newService(t, "podinfo-grpc", manifest(t, "service-grpc.yaml", published()))
	over2 := s.client(t, true)
	url := s.url(t, over2)
	got, err := ask(over2, http.MethodPut, url+"/api/echo", "over-http2")
	if err != nil || got.status != http.StatusAccepted || got.major != 2 {
		t.Errorf("over HTTP/2: %d %q over HTTP/%d, %v; want an echo", got.status, got.body, got.major, err)
	}

	host := strings.TrimPrefix(url, "http://")
	conn, err := grpc.NewClient("passthrough:///"+host, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return s.dial(ctx, "tcp", address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	grpckit.Check(t, conn, "", patience)
}
