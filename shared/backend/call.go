package backend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/redact"
)

const (
	// drainSize is how much of an answer that nobody wants is read, so that its connection can serve the next call.
	drainSize = 64 << 10
	// logSize bounds what the log gets of an answer.
	logSize = 1 << 10
)

var (
	errInvalidURL = errors.New("not a valid URL; use http://host:port/path")
	errTooLarge   = fmt.Errorf("response body exceeds %d bytes", MaxResponseSize)
)

// server is one backend.
type server struct {
	request *http.Request // what every call starts from; nil if the URL cannot be called
	shown   string        // the URL without a password
}

func newServer(raw string) server {
	s := server{shown: redact.URL(raw)}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, raw, http.NoBody)
	if err == nil && r.URL.Host != "" && (r.URL.Scheme == "http" || r.URL.Scheme == "https") {
		s.request = r
	}
	return s
}

// call posts payload to s and returns the answer's text.
func (c *Client) call(ctx context.Context, s *server, header http.Header, payload []byte) string {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	body, status, err := c.post(ctx, s, header, payload)
	if ctx.Err() != nil && err != nil {
		err = ctx.Err() // whatever it was that noticed it first
	}
	log := c.log.WithContext(ctx)
	switch {
	case err != nil:
		err = fmt.Errorf("Post %q: %w", s.shown, err) //nolint:staticcheck // begins as the errors of net/http do
		log.WithFields(logrus.Fields{"url": s.shown, logrus.ErrorKey: err}).Error("backend call failed")
		return fmt.Sprintf("backend %s call failed %s", s.shown, err)
	case status >= http.StatusBadRequest:
		log.WithFields(logrus.Fields{"url": s.shown, "status": status}).Error("backend call failed")
		return fmt.Sprintf("backend %s response status code %d", s.shown, status)
	}
	if c.log.IsLevelEnabled(logrus.DebugLevel) {
		excerpt := body[:min(len(body), logSize)]
		log.WithFields(logrus.Fields{"url": s.shown, "response": excerpt}).Debug("payload received from backend")
	}
	return body
}

// post returns the body and status of the answer, or only the status when it is that of a failure.
func (c *Client) post(ctx context.Context, s *server, header http.Header, payload []byte) (string, int, error) {
	if s.request == nil {
		return "", 0, errInvalidURL
	}
	response, err := c.http.Do(s.requestWith(ctx, header, payload))
	if err != nil {
		return "", 0, cause(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		_, _ = io.CopyN(io.Discard, response.Body, drainSize)
		return "", response.StatusCode, nil
	}
	body, err := readBody(response)
	return body, response.StatusCode, err
}

// requestWith returns the request of one call.
func (s *server) requestWith(ctx context.Context, header http.Header, payload []byte) *http.Request {
	r := s.request.WithContext(ctx)
	r.Header = header
	if len(payload) == 0 {
		return r // whose body is http.NoBody, and says so with a Content-Length of 0
	}
	// The transport knows this kind of body and sends it in one packet with the head.
	r.Body = io.NopCloser(bytes.NewReader(payload))
	r.ContentLength = int64(len(payload))
	// It sends the body again when a connection turns out to be closed before it could be used.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
	return r
}

// cause strips an error of the URL that net/http puts before it, options and all.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// readBody returns the body of an answer if it is not too large.
func readBody(response *http.Response) (string, error) {
	var body bytes.Buffer
	if n := response.ContentLength; n > 0 && n <= MaxResponseSize {
		body.Grow(int(n) + bytes.MinRead) // ReadFrom wants that much to see the end
	}
	n, err := body.ReadFrom(io.LimitReader(response.Body, MaxResponseSize+1))
	if err != nil {
		return "", err
	}
	if n > MaxResponseSize {
		return "", errTooLarge
	}
	return body.String(), nil
}
