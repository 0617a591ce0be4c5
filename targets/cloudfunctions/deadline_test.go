package cloudfunctions

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/health"
)

func TestDeadlineComesBeforeThePlatforms(t *testing.T) {
	t.Parallel()
	tests := map[time.Duration]time.Duration{ // the platform's timeout: podinfo's
		time.Hour: time.Hour - time.Second, time.Minute: time.Minute - time.Second,
		10 * time.Second: 9 * time.Second, time.Second: 900 * time.Millisecond,
	}
	for timeout, want := range tests {
		parent, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		before := time.Now()
		ctx, cancelOwn := withinDeadline(parent)
		defer cancelOwn()
		end, _ := ctx.Deadline()
		if got := end.Sub(before); got < want-100*time.Millisecond || got > want+100*time.Millisecond {
			t.Errorf("of %s a request gets %s, want %s", timeout, got, want)
		}
	}
	ctx, cancel := withinDeadline(t.Context())
	defer cancel()
	if _, bounded := ctx.Deadline(); bounded {
		t.Error("a deadline was made where the platform has none")
	}
}

// serve runs a handler behind an answer on a real server, with so much time, and returns what the client gets.
func serve(
	t *testing.T, state *health.State, time time.Duration, handler http.HandlerFunc,
) (*http.Response, string, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time)
		defer cancel()
		a := &answer{ResponseWriter: w, health: state}
		defer a.cut()
		handler(a, r.WithContext(ctx))
		a.late(ctx)
	}))
	defer server.Close()
	got, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return got, string(body), err
}

// A handler that comes back at the deadline without a word must not pass for an empty 200.
func TestSilenceAtTheDeadlineIs504(t *testing.T) {
	t.Parallel()
	got, body, err := serve(t, health.New(true, true), time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})
	if err != nil || got.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, `"code": 504`) {
		t.Errorf("the answer is %d %s (%v), want the error object with 504", got.StatusCode, body, err)
	}
}

// A handler that ignores the deadline and answers after it is taken at its word, and an empty 200 in time stays one.
func TestAnswersAreLeftAlone(t *testing.T) {
	t.Parallel()
	got, body, _ := serve(t, health.New(true, true), time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		_, _ = io.WriteString(w, "late")
	})
	if got.StatusCode != http.StatusOK || body != "late" {
		t.Errorf("the answer is %d %s, want the handler's own", got.StatusCode, body)
	}
	got, body, _ = serve(t, health.New(true, true), time.Minute, func(http.ResponseWriter, *http.Request) {})
	if got.StatusCode != http.StatusOK || body != "" {
		t.Errorf("the answer is %d %s, want an empty 200", got.StatusCode, body)
	}
}

// An interim answer is none: what follows it still may be the 504.
func TestInterimAnswerIsNoAnswer(t *testing.T) {
	t.Parallel()
	got, _, _ := serve(t, health.New(true, true), time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		<-r.Context().Done()
	})
	if got.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("the answer is %d, want 504", got.StatusCode)
	}
}

func TestBrokenAnswerIsCut(t *testing.T) {
	t.Parallel()
	_, body, err := serve(t, health.New(true, true), time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if body != "half" || err == nil {
		t.Errorf("the client reads %q (%v), want half an answer and an error", body, err)
	}
}

func TestOtherPanicsAreTheFrameworks(t *testing.T) {
	t.Parallel()
	defer func() {
		if cause := recover(); cause != "oh" {
			t.Errorf("recovered %v, want the panic as it was", cause)
		}
	}()
	a := &answer{ResponseWriter: httptest.NewRecorder(), health: health.New(true, true)}
	func() {
		defer a.cut()
		panic("oh")
	}()
}

func TestDrainAnnouncesTheEndOfTheConnection(t *testing.T) {
	t.Parallel()
	state := health.New(true, true)
	got, _, _ := serve(t, state, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		state.Drain() // in the middle of the request
		_, _ = io.WriteString(w, "answer")
	})
	if !got.Close {
		t.Error("the answer after the drain began does not announce the end of the connection")
	}
}
