package otlphttp

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// collector is a server that gives one answer after the other and the last one ever after.
func collector(t *testing.T, answers ...http.HandlerFunc) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(asked.Add(1))
		answers[min(n, len(answers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// sender returns a client for url, with more variables as NAME=value without what all their names begin with.
func sender(t *testing.T, url string, more ...string) *client {
	t.Helper()
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url}
	for _, variable := range more {
		name, value, _ := strings.Cut(variable, "=")
		env["OTEL_EXPORTER_OTLP_"+name] = value
	}
	c, err := newClient(func(name string) string { return env[name] }, "traces")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func spans() *tracepb.TracesData {
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{SchemaUrl: "a schema"}}}
}

func TestBusyCollectorIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []int{429, 502, 503, 504} {
		url, asked := collector(t, status(code), status(http.StatusOK))
		if err := sender(t, url).send(t.Context(), spans()); err != nil || asked.Load() != 2 {
			t.Errorf("after %d: %v, %d requests; want no error and 2", code, err, asked.Load())
		}
	}
}

func TestRefusalIsFinal(t *testing.T) {
	t.Parallel()
	for _, code := range []int{301, 307, 400, 401, 404, 500} {
		url, asked := collector(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
		})
		err := sender(t, url).send(t.Context(), spans())
		if err == nil || !strings.Contains(err.Error(), http.StatusText(code)) || asked.Load() != 1 {
			t.Errorf("after %d: %v, %d requests; want an error that says so and 1", code, err, asked.Load())
		}
	}
}

func TestWaitsAreBounded(t *testing.T) {
	t.Parallel()
	forever, _ := collector(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	silent, _ := collector(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Only then does the server look whether the client is still there.
		<-r.Context().Done()
	})
	for name, url := range map[string]string{"busy": forever, "silent": silent} {
		began := time.Now()
		if err := sender(t, url, "TIMEOUT=50").send(t.Context(), spans()); err == nil {
			t.Errorf("%s: no error though the time was over", name)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := sender(t, url).send(ctx, spans()); err == nil {
			t.Errorf("%s: no error though the context was done", name)
		}
		cancel()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it took %s", name, took)
		}
	}
}

func TestPartialSuccessIsReported(t *testing.T) {
	t.Parallel()
	url, _ := collector(t, partial(3, "too old"))
	const want = `the collector refused 3 items: "too old"`
	if err := sender(t, url).send(t.Context(), spans()); err == nil || err.Error() != want {
		t.Errorf("send returns %v, want %s", err, want)
	}
	url, _ = collector(t, partial(0, "send less often"))
	if err := sender(t, url).send(t.Context(), spans()); err != nil {
		t.Errorf("send returns %v for advice, want no error", err)
	}
}

// partial answers that the collector refused so many items.
func partial(refused uint64, reason string) http.HandlerFunc {
	content := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), refused)
	content = protowire.AppendString(protowire.AppendTag(content, 2, protowire.BytesType), reason)
	answer := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), content)
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	}
}

// TestPauseThatIsTooLong sends to a collector that is busy for an hour: waiting for the end of the ten seconds that an
// export has would be for nothing.
func TestPauseThatIsTooLong(t *testing.T) {
	t.Parallel()
	url, _ := collector(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	began := time.Now()
	err := sender(t, url).send(t.Context(), spans())
	if took := time.Since(began); err == nil || took > defaultTimeout/2 {
		t.Errorf("send returns %v after %s, want the refusal at once", err, took)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "120": 2 * time.Minute, "99999999999999999999": math.MaxUint32 * time.Second,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): time.Hour,
	} {
		got := retryAfter(http.Header{"Retry-After": {value}})
		if got > want || got < want-time.Minute {
			t.Errorf("Retry-After: %s is %s, want %s", value, got, want)
		}
	}
}

// TestErrorsHideSecretsOfURLs sends to an address with secrets in it where nobody listens.
func TestErrorsHideSecretsOfURLs(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(status(http.StatusOK))
	s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	err := sender(t, "http://hunter2@"+host+"?key=hunter2").send(t.Context(), spans())
	if err == nil || !strings.Contains(err.Error(), host) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v, want one with %s and without the secrets", err, host)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, compression := range []string{"", "gzip"} {
		seen := make(chan error, 1)
		url, _ := collector(t, func(_ http.ResponseWriter, r *http.Request) { seen <- inspect(r, compression) })
		c := sender(t, url, "HEADERS=x-a=1%2C2,authorization=Bearer%20t", "COMPRESSION="+compression)
		if err := errors.Join(c.send(t.Context(), spans()), <-seen); err != nil {
			t.Error(err)
		}
	}
}

func inspect(r *http.Request, compression string) error {
	h := r.Header
	if r.URL.Path != "/v1/traces" || h.Get("Content-Type") != "application/x-protobuf" ||
		h.Get("Content-Encoding") != compression || h.Get("X-A") != "1,2" || h.Get("Authorization") != "Bearer t" ||
		h["Idempotency-Key"] != nil || !strings.HasPrefix(h.Get("User-Agent"), "podinfo-otlp-exporter-go/") {
		return errors.New("the request is not as configured: " + r.URL.Path)
	}
	var body io.Reader = r.Body
	if compression != "" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unpacked
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var got tracepb.TracesData
	if err := proto.Unmarshal(content, &got); err != nil {
		return err
	}
	if !proto.Equal(&got, spans()) {
		return errors.New("the body is not what was sent: " + got.String())
	}
	return nil
}

// FuzzRefused reads answers of collectors that nobody vouches for.
func FuzzRefused(f *testing.F) {
	f.Add([]byte{10, 2, 8, 3})
	f.Add([]byte{10, 200, 1})
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, answer []byte) { _ = refused(answer) })
}
