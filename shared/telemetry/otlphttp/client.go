package otlphttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/podinfo-targets/podinfo/shared/version"
)

const (
	firstWait   = 500 * time.Millisecond // before the first retry
	longestWait = 5 * time.Second        // between two attempts, unless the collector asks for more
	mostAnswer  = 64 << 10               // bytes of an answer that are looked at
	mostReason  = 1 << 10                // bytes of a collector's words that an error repeats
)

// client sends the requests of one signal.
type client struct {
	settings
	http *http.Client
}

func newClient(getenv func(string) string, signal string) (*client, error) {
	s, err := readSettings(getenv, signal)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented to be one
	transport.TLSClientConfig = s.tls
	s.header.Set("Content-Type", "application/x-protobuf")
	if s.header.Get("User-Agent") == "" {
		s.header.Set("User-Agent", "podinfo-otlp-exporter-go/"+version.Version)
	}
	if s.gzip {
		s.header.Set("Content-Encoding", "gzip")
	}
	// Never sent: it allows net/http to try a connection once more that broke while nobody used it, as they do when a
	// platform halts the process between two requests.
	s.header["Idempotency-Key"] = []string{}
	return &client{settings: s, http: &http.Client{
		Transport: transport,
		// The headers may hold a secret, which is meant for the collector alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// close frees the connections.
func (c *client) close() { c.http.CloseIdleConnections() }

// send posts a message and tries again for as long as the collector is only busy and there is time, see
// https://opentelemetry.io/docs/specs/otlp/#otlphttp-response. It ends with ctx or the timeout of the settings, and at
// once when the collector wants to be left alone for longer. One that cannot be reached is left to the next export:
// whoever flushes between two requests waits for this.
func (c *client) send(ctx context.Context, message proto.Message) error {
	body, err := c.encode(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := c.post(ctx, body)
		var busy *busyError
		if !errors.As(err, &busy) || ctx.Err() != nil {
			return err
		}
		// Apart from each other, so that many senders do not come back at once.
		pause := max(busy.after, wait/2+rand.N(wait)) //nolint:gosec // no secret
		if deadline, _ := ctx.Deadline(); time.Until(deadline) < pause {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// encode returns the message as the body of a request.
func (c *client) encode(message proto.Message) ([]byte, error) {
	body, err := proto.Marshal(message)
	if err != nil || !c.gzip {
		return body, err
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return compressed.Bytes(), nil
}

// post makes one attempt.
func (c *client) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = c.header.Clone()
	answer, err := c.http.Do(r)
	if err != nil {
		return unreachable(r.URL.Host, err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return err
	}
	return judge(answer, content)
}

// unreachable returns an error of net/http without the URL that it names, whose user and query may be secrets.
func unreachable(host string, err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	return fmt.Errorf("the collector at %s cannot be reached: %w", host, err)
}

// judge says what an answer means.
func judge(answer *http.Response, content []byte) error {
	switch code := answer.StatusCode; code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &busyError{after: retryAfter(answer.Header), cause: unwelcome(code)}
	default:
		if code < 200 || code > 299 {
			return unwelcome(code)
		}
	}
	if answer.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil
	}
	return refused(content)
}

// unwelcome tells of a status. The words that came with it are the collector's, of any length.
func unwelcome(code int) error {
	return fmt.Errorf("the collector answers %d %s", code, http.StatusText(code))
}

// retryAfter reads how long the collector wants to be left alone, zero if it does not say. See RFC 9110 §10.2.3.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	// Of a number that is too large it returns the largest of 32 bits, which is long enough.
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at)
	}
	return 0
}

// busyError is a failure that may be over soon.
type busyError struct {
	after time.Duration // what the collector asks for
	cause error
}

func (e *busyError) Error() string { return e.cause.Error() }
func (e *busyError) Unwrap() error { return e.cause }

// refused tells of what a collector did not take though it answered 200. The answers of all signals have the same
// shape: field 1 is the partial success, with the number of refused items in its field 1 and the reason in its field 2.
// A reason without a number is advice of a collector that took everything.
// See https://opentelemetry.io/docs/specs/otlp/#partial-success-1.
func refused(answer []byte) error {
	_, partial := fields(answer, 1)
	count, _ := fields(partial, 1)
	if count == 0 {
		return nil
	}
	_, reason := fields(partial, 2)
	return fmt.Errorf("the collector refused %d items: %q", count, reason[:min(len(reason), mostReason)])
}

// fields returns the value of a field of an encoded message, as a number and as bytes, whichever it is.
func fields(message []byte, wanted protowire.Number) (number uint64, content []byte) {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return number, content
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(field, kind, message)
		if size < 0 {
			return number, content
		}
		if field == wanted && kind == protowire.VarintType {
			number, _ = protowire.ConsumeVarint(message)
		}
		if field == wanted && kind == protowire.BytesType {
			content, _ = protowire.ConsumeBytes(message)
		}
		message = message[size:]
	}
	return number, content
}

// traceClient sends what the exporter of spans hands it. TracesData is on the wire what the collector's request is,
// https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto, without
// the gRPC service that stands beside that one.
type traceClient struct{ client *client }

// Start has nothing to do: connections are made when they are needed.
func (traceClient) Start(context.Context) error { return nil }

// Stop frees the connections.
func (c traceClient) Stop(context.Context) error {
	c.client.close()
	return nil
}

// UploadTraces sends the spans.
func (c traceClient) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	return c.client.send(ctx, &tracepb.TracesData{ResourceSpans: spans})
}
