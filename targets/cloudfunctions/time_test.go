package cloudfunctions_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
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
	c := targettest.NewClient(p.URL)
	defer c.Close()
	begun := time.Now()
	if err := c.Send("GET", "/chunked/2", ""); err != nil {
		t.Fatal(err)
	}
	head, err := c.Receive()
	if err != nil || head.Status != 200 {
		t.Fatalf("the answer is %d (%v)", head.Status, err)
	}
	whole := time.Since(begun)
	got, err := http.Get(p.URL + "/chunked/2")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if first := time.Since(begun) - whole; whole < 2*time.Second || first > 1500*time.Millisecond {
		t.Errorf("the head came after %s, the whole after %s; want 0s and 2s", first, whole)
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

// TestConnectionOutlivesALongRequest: a deadline that one request moves must not be there for the next one on the same
// connection, since the framework's server, which has no timeouts, never moves it back.
func TestConnectionOutlivesALongRequest(t *testing.T) {
	t.Parallel()
	p := start(t, "--http-server-timeout=1s") // withheld: it must not mean anything
	c := targettest.NewClient(p.URL)
	defer c.Close()
	for _, path := range []string{"/delay/1", "/delay/2", "/version"} {
		if got, err := c.Do("GET", path, ""); err != nil || got.Status != 200 || got.Closes {
			t.Fatalf("GET %s is answered %d (%v), closes %t", path, got.Status, err, got.Closes)
		}
	}
}
