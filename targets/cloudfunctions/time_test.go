package cloudfunctions_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stuck is a body that begins and never ends, until the test does.
type stuck struct {
	begin   io.Reader
	release chan struct{}
}

func newStuck(t *testing.T, begin string) io.Reader {
	s := &stuck{begin: strings.NewReader(begin), release: make(chan struct{})}
	t.Cleanup(func() { close(s.release) })
	return s
}

func (s *stuck) Read(p []byte) (int, error) {
	if n, _ := s.begin.Read(p); n > 0 {
		return n, nil
	}
	<-s.release
	return 0, io.EOF
}

// TestDeadlineIsAnswered504InTime: the platform would answer at two seconds itself.
func TestDeadlineIsAnswered504InTime(t *testing.T) {
	t.Parallel()
	p := start(t, "CLOUD_RUN_TIMEOUT_SECONDS=2")
	begun := time.Now()
	got := ask(t, p, "GET", "/delay/30", "")
	wantError(t, got, http.StatusGatewayTimeout, "deadline")
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("the answer came after %s", took)
	}
}

// TestSlowBodyMeetsTheDeadline holds that a client cannot keep a request open by sending its body slowly.
func TestSlowBodyMeetsTheDeadline(t *testing.T) {
	t.Parallel()
	p := start(t, "CLOUD_RUN_TIMEOUT_SECONDS=1")
	got, err := try(p, "POST", "/echo", newStuck(t, "half a body"))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, got, http.StatusGatewayTimeout, "deadline")
}

// TestPartsArriveAsTheyAreWritten reads the head of a stream long before its body.
func TestPartsArriveAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	p := start(t)
	begun := time.Now()
	got, err := http.Get(p.URL + "/chunked/2") // returns when the head is there
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	head := time.Since(begun)
	_, err = io.Copy(io.Discard, got.Body)
	if whole := time.Since(begun); err != nil || head > 1500*time.Millisecond || whole < 2*time.Second {
		t.Errorf("the head came after %s and the whole after %s (%v), want 0s and 2s", head, whole, err)
	}
}

// TestStreamThatMeetsItsDeadlineIsCut: its client must not take what it got for the whole, and the framework must not
// take the cut for a crash.
func TestStreamThatMeetsItsDeadlineIsCut(t *testing.T) {
	t.Parallel()
	p := start(t, "CLOUD_RUN_TIMEOUT_SECONDS=1")
	if got := ask(t, p, "GET", "/chunked/30", ""); got.status != 200 || got.err == nil {
		t.Errorf("the client gets %d %q and no error, want a stream that breaks off", got.status, got.body)
	}
	if strings.Contains(p.Stderr(), "panic") {
		t.Errorf("the framework tells of a panic: %s", p.Stderr())
	}
}

// TestAnswerDoesNotWaitForAnUnreadBody sends requests whose bodies nobody reads, and never ends them. Their connections
// are to stay open, which is why the server wants the rest.
func TestAnswerDoesNotWaitForAnUnreadBody(t *testing.T) {
	t.Parallel()
	p := start(t, "CLOUD_RUN_TIMEOUT_SECONDS=1")
	for _, test := range []struct {
		path, header string
		want         int
	}{
		{"/version", "Content-Type: text/plain", 405}, {"/", "Ce-Id: 1", 415},
		{"/", "Content-Type: application/grpc", 501},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: podinfo\r\n%s\r\nContent-Length: 9\r\n\r\nhalf", test.path, test.header)
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("POST %s with %s is not answered: %v", test.path, test.header, err)
		}
		_ = got.Body.Close()
		if got.StatusCode != test.want {
			t.Errorf("POST %s with %s is answered %d, want %d", test.path, test.header, got.StatusCode, test.want)
		}
	}
}
