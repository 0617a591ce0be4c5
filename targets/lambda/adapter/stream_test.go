package adapter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// invokeStream answers one event of a function URL with a stream, read to its end.
func invokeStream(t *testing.T, h http.HandlerFunc, payload string) stream {
	t.Helper()
	answer, err := adapter.New(h, adapter.Options{Streaming: true}).Invoke(t.Context(), json.RawMessage(payload))
	return streamed(t, answer, err)
}

func TestStreamRequest(t *testing.T) {
	t.Parallel()
	var got served
	s := invokeStream(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = served{r, string(body)}
	}, urlEvent)
	urlRequest.check(t, got)
	if s.StatusCode != http.StatusOK || s.err != nil {
		t.Errorf("the answer is %+v", s)
	}
}

func TestStreamResponse(t *testing.T) {
	t.Parallel()
	s := invokeStream(t, answerEverything, urlEvent)
	if s.Headers["Content-Length"] != "6" {
		t.Errorf("Content-Length is %q, want 6: the answer was whole when it began", s.Headers["Content-Length"])
	}
	delete(s.Headers, "Content-Length")
	checkV2(t, s.document)
	if s.rest != "héllo" || s.err != nil {
		t.Errorf("the body is %q, %v", s.rest, s.err)
	}
}

func TestStreamOfRESTAPI(t *testing.T) {
	t.Parallel()
	s := invokeStream(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		answerEverything(w, r)
	}, restEvent)
	if s.StatusCode != http.StatusOK || s.rest != "héllo" || s.err != nil {
		t.Errorf("the answer is %+v", s)
	}
	s = invokeStream(t, answerEverything, restEvent)
	if cookies := s.MultiValueHeaders["Set-Cookie"]; s.StatusCode != http.StatusCreated || len(cookies) != 2 {
		t.Errorf("status %d with cookies %q, want 201 with two", s.StatusCode, cookies)
	}
}

// Only function URLs and REST APIs stream; what else invokes the same function is answered whole.
func TestStreamingLeavesOtherKindsAlone(t *testing.T) {
	t.Parallel()
	for _, event := range []string{httpEvent, albEvent, albMultiEvent} {
		d := invoke(t, answerEverything, adapter.Options{Streaming: true}, event)
		if d.StatusCode != http.StatusCreated || d.Body != "héllo" {
			t.Errorf("the answer is %+v", d)
		}
	}
}

// Each part arrives before the next is written: the handler waits for the reader, who has the part already.
func TestStreamDeliversParts(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	reader := openStream(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
		for i := range 5 {
			_, _ = io.WriteString(w, "part "+strconv.Itoa(i))
			<-next
		}
	}, adapter.Options{})
	head := readPart(t, reader)
	if !strings.HasPrefix(head, `{"statusCode":200`) || !strings.HasSuffix(head, strings.Repeat("\x00", 8)) {
		t.Errorf("the beginning is %q", head)
	}
	for i := range 5 {
		if part := readPart(t, reader); part != "part "+strconv.Itoa(i) {
			t.Errorf("part %d is %q", i, part)
		}
		next <- struct{}{}
	}
	if _, err := reader.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v, want EOF", err)
	}
}

func readPart(t *testing.T, r io.Reader) string {
	t.Helper()
	buf := make([]byte, 1<<10)
	n, err := r.Read(buf)
	if err != nil {
		t.Fatalf("reading a part: %v", err)
	}
	return string(buf[:n])
}

// An empty answer has a length: the platform sends no last chunk after it, and its client would wait.
func TestStreamEmptyBodyHasALength(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		length  string
	}{
		"nothing written": {func(http.ResponseWriter, *http.Request) {}, "0"},
		"status alone":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }, "0"},
		"empty write":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }, "0"},
		"204":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, ""},
		"304":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := invokeStream(t, test.handler, urlEvent)
			if got := s.Headers["Content-Length"]; got != test.length || s.rest != "" || s.err != nil {
				t.Errorf("Content-Length %q, body %q, %v; want %q and nothing", got, s.rest, s.err, test.length)
			}
		})
	}
}

func TestStreamHead(t *testing.T) {
	t.Parallel()
	event := kinds()[adapter.FunctionURL]("HEAD", "/", "")
	for name, h := range map[string]http.HandlerFunc{
		"small": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"large, flushed": func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				_, _ = w.Write(bytes.Repeat([]byte("<html>"), 1000))
				_ = http.NewResponseController(w).Flush()
			}
		},
	} {
		s := invokeStream(t, h, event)
		if s.rest != "" || s.err != nil || s.Headers["Content-Type"] != "text/html; charset=utf-8" {
			t.Errorf("%s: the answer is %+v", name, s)
		}
	}
}

func TestStreamSniffsAsNetHTTP(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"first bytes alone, then much": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<ht")
			_, _ = io.WriteString(w, "ml>"+strings.Repeat("x", 5000))
		}, "text/html; charset=utf-8"},
		"flushed without a byte": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "<html>")
		}, ""},
		"flushed after some": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>")
			w.(http.Flusher).Flush()
		}, "text/html; charset=utf-8"},
	} {
		s := invokeStream(t, test.handler, urlEvent)
		if got := s.Headers["Content-Type"]; got != test.want || s.err != nil {
			t.Errorf("%s: Content-Type %q, %v, want %q", name, got, s.err, test.want)
		}
	}
}

func TestStreamController(t *testing.T) {
	t.Parallel()
	invokeStream(t, func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		for name, err := range map[string]error{
			"SetWriteDeadline": c.SetWriteDeadline(time.Now()), "SetReadDeadline": c.SetReadDeadline(time.Now()),
			"EnableFullDuplex": c.EnableFullDuplex(),
		} {
			if !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("%s says %v, want ErrNotSupported", name, err)
			}
		}
		if _, ok := w.(http.Hijacker); ok {
			t.Error("the writer is a Hijacker: there is no connection")
		}
	}, urlEvent)
}

func TestStreamBinary(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte{0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, '{'}, 10_000)
	s := invokeStream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }, urlEvent)
	if s.rest != string(body) || s.err != nil || s.Headers["Content-Type"] != "application/octet-stream" {
		t.Errorf("%d bytes of type %q, %v; want the %d that were written",
			len(s.rest), s.Headers["Content-Type"], s.err, len(body))
	}
}

func TestStreamPanic(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	log := logrus.New()
	log.SetOutput(&lines)
	a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "begun") {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
		}
		panic("torn")
	}), adapter.Options{Streaming: true, Log: log})
	event := kinds()[adapter.FunctionURL]

	answer, err := a.Invoke(t.Context(), json.RawMessage(event("GET", "/", "")))
	s := streamed(t, answer, err)
	checkError(t, s.StatusCode, s.rest, http.StatusInternalServerError)
	if s.err != nil {
		t.Errorf("the error answer ends with %v; it is whole", s.err)
	}

	answer, err = a.Invoke(t.Context(), json.RawMessage(event("GET", "/begun", "")))
	s = streamed(t, answer, err)
	var cut *adapter.StreamCutError
	if s.StatusCode != http.StatusOK || s.rest != "begun" || !errors.As(s.err, &cut) {
		t.Errorf("the answer is %+v, want it cut", s)
	}
	if err := a.Wait(t.Context()); err != nil || strings.Count(lines.String(), "torn") != 2 {
		t.Errorf("%v; the log has %q, want both panics", err, lines.String())
	}
}

func TestStreamDeadline(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before string
		status int
	}{"before it began": {"", http.StatusGatewayTimeout}, "after": {"begun", http.StatusOK}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release, ended := make(chan struct{}), false
				a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if test.before != "" {
						_, _ = io.WriteString(w, test.before)
						_ = http.NewResponseController(w).Flush()
					}
					<-release
					_, err := io.WriteString(w, "late")
					if err == nil || !errors.Is(http.NewResponseController(w).Flush(), http.ErrHandlerTimeout) {
						t.Error("the late handler could write")
					}
				}), adapter.Options{Streaming: true, End: func(context.Context) { ended = true }})
				start := time.Now()
				answer, err := a.Invoke(within(t, time.Minute), json.RawMessage(urlEvent))
				s := streamed(t, answer, err)
				if took := time.Since(start); took < 59*time.Second || took > 59900*time.Millisecond || !ended {
					t.Errorf("the stream ended after %v, End ran: %v; want it shortly before the minute is over", took, ended)
				}
				checkLate(t, s, test.before, test.status)
				close(release)
				if err := a.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A handler that gives a stream up when its context ends does what net/http lets it: the stream was late.
func TestStreamGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := adapter.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}), adapter.Options{Streaming: true})
		answer, err := a.Invoke(within(t, time.Minute), json.RawMessage(urlEvent))
		s := streamed(t, answer, err)
		checkLate(t, s, "begun", http.StatusOK)
		if s.err == nil || !strings.Contains(s.err.Error(), "longer than the function may run") {
			t.Errorf("the stream was cut with %v, which does not say that it was late", s.err)
		}
	})
}

func checkLate(t *testing.T, s stream, before string, status int) {
	t.Helper()
	if before == "" {
		checkError(t, s.StatusCode, s.rest, status)
		if s.err != nil {
			t.Errorf("the error answer ends with %v; it is whole", s.err)
		}
		return
	}
	var cut *adapter.StreamCutError
	if s.StatusCode != status || s.rest != before || !errors.As(s.err, &cut) {
		t.Errorf("the answer is %+v, want %q and then cut", s, before)
	}
}

func TestStreamEndRunsBeforeTheEndIsSeen(t *testing.T) {
	t.Parallel()
	for name, flush := range map[string]bool{"whole": false, "begun": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var order []string
			reader := openStream(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "body")
				if flush {
					_ = http.NewResponseController(w).Flush()
				}
				order = append(order, "handler")
			}, adapter.Options{End: func(context.Context) { order = append(order, "end") }})
			if _, err := io.ReadAll(reader); err != nil {
				t.Error(err)
			}
			if order = append(order, "EOF"); !slices.Equal(order, []string{"handler", "end", "EOF"}) {
				t.Errorf("the order was %v", order)
			}
		})
	}
}

// When the platform reads no further the handler learns of it: its context ends and its writes fail.
func TestStreamClosed(t *testing.T) {
	t.Parallel()
	done := make(chan error, 1)
	reader := openStream(t.Context(), t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		_, err := io.WriteString(w, "more")
		done <- err
	}, adapter.Options{})
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the handler could write to a stream that nobody reads")
	}
}

func TestStreamLengths(t *testing.T) {
	t.Parallel()
	short := invokeStream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10000")
		_, _ = w.Write(make([]byte, 5000))
	}, urlEvent)
	var cut *adapter.StreamCutError
	if !errors.As(short.err, &cut) || short.Headers["Content-Length"] != "10000" {
		t.Errorf("a body shorter than announced ends with %v", short.err)
	}
	small := invokeStream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "short")
	}, urlEvent)
	checkError(t, small.StatusCode, small.rest, http.StatusInternalServerError)
	exact := invokeStream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10000")
		_, _ = w.Write(make([]byte, 10_000))
	}, urlEvent)
	if exact.err != nil || len(exact.rest) != 10_000 {
		t.Errorf("%d bytes, %v; want all of them", len(exact.rest), exact.err)
	}
}

// What is announced too large is refused; what turns out so is cut at the platform's 200 MB.
func TestStreamTooLarge(t *testing.T) {
	t.Parallel()
	announced := invokeStream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "200000001")
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}, urlEvent)
	checkError(t, announced.StatusCode, announced.rest, http.StatusRequestEntityTooLarge)

	reader := openStream(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
		part := make([]byte, 10<<20)
		for {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}, adapter.Options{})
	defer func() { _ = reader.Close() }()
	n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{reader}, make([]byte, 1<<20))
	var cut *adapter.StreamCutError
	if !errors.As(err, &cut) || n < 180_000_000 || n > 200_001_000 {
		t.Errorf("the stream ended after %d bytes with %v, want it cut before 200 MB", n, err)
	}
}

func TestStreamRefusesWhatIsNoRequest(t *testing.T) {
	t.Parallel()
	s := invokeStream(t, nil, `{"version":"2.0","rawPath":"/","body":"%%%","isBase64Encoded":true,
		"requestContext":{"domainName":"id.lambda-url.eu-central-1.on.aws","http":{"method":"PUT"}}}`)
	checkError(t, s.StatusCode, s.rest, http.StatusBadRequest)
}
