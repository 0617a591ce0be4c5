package conformance

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// answerLimit bounds how much of an answer is read, in bytes.
const answerLimit = 32 << 20

// request is a step that sends one HTTP request and checks its answer. Its methods return a changed copy, so that a
// case reads as a sentence. ${name} is expanded in path, header and body.
type request struct {
	method, path string
	header       [][2]string
	body         string
	fill         int64 // the body is that many bytes of 'x' instead
	unsized      bool  // send the body without saying how long it is
	where        where
	checks       []check
	patience     time.Duration
}

func (r request) requests() string { return r.method + " " + r.path }

// where says which of the target's addresses a path belongs to.
type where int

const (
	api       where = iota // under the base URL
	root                   // on the same address, but not under the prefix of the server
	origin                 // on the same address, under nothing
	secure                 // under the HTTPS URL
	telemetry              // on the listener for metrics
)

func get(path string) request                { return request{method: http.MethodGet, path: path} }
func head(path string) request               { return request{method: http.MethodHead, path: path} }
func post(path, body string) request         { return send(http.MethodPost, path, body) }
func put(path, body string) request          { return send(http.MethodPut, path, body) }
func remove(path string) request             { return send(http.MethodDelete, path, "") }
func send(method, path, body string) request { return request{method: method, path: path, body: body} }

// with adds a header line.
func (r request) with(name, value string) request {
	r.header = append(r.header[:len(r.header):len(r.header)], [2]string{name, value})
	return r
}

// filled makes the body size bytes long.
func (r request) filled(size int64) request {
	r.fill = size
	return r
}

// chunked sends the body without saying how long it is.
func (r request) chunked() request {
	r.unsized = true
	return r
}

func (r request) at(place where) request {
	r.where = place
	return r
}

// want adds checks of the answer.
func (r request) want(checks ...check) request {
	r.checks = append(r.checks[:len(r.checks):len(r.checks)], checks...)
	return r
}

// soon repeats the request until its answer is as wanted, for at most that long.
func (r request) soon(timeout time.Duration) request {
	r.patience = timeout
	return r
}

func (r request) do(s *session) error {
	if r.patience == 0 {
		return r.once(s)
	}
	return s.eventually(r.patience, func() error { return r.once(s) })
}

func (r request) once(s *session) error {
	x, err := r.exchange(s)
	if err != nil {
		return fmt.Errorf("%s %s got no answer: %w", r.method, s.expand(r.path), err)
	}
	return x.judge(r.checks)
}

// exchange sends the request and reads the whole answer.
func (r request) exchange(s *session) (*exchange, error) {
	req, err := r.build(s.ctx, s)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	answer, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	x := &exchange{session: s, line: r.method + " " + s.expand(r.path), answer: answer, headAfter: time.Since(began)}
	if answer.StatusCode != http.StatusSwitchingProtocols { // after it the body is the other protocol, without end
		x.body, x.cut = io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	}
	x.took = time.Since(began)
	return x, nil
}

func (r request) build(ctx context.Context, s *session) (*http.Request, error) {
	body, size := io.Reader(strings.NewReader(s.expand(r.body))), int64(len(s.expand(r.body)))
	if r.fill > 0 {
		body, size = io.LimitReader(filler{}, r.fill), r.fill
	}
	if r.unsized {
		body, size = io.MultiReader(body), -1
	}
	if size == 0 {
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, r.method, s.urlOf(r.where)+s.expand(r.path), body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	for _, h := range r.header {
		req.Header.Add(h[0], s.expand(h[1]))
	}
	return req, nil
}

func (s *session) urlOf(place where) string {
	switch place {
	case root:
		return s.target.origin() + s.target.Mount
	case origin:
		return s.target.origin()
	case secure:
		return s.target.SecureURL
	case telemetry:
		return s.target.MetricsURL
	default:
		return s.target.origin() + s.target.path()
	}
}

// filler is an endless supply of the letter x.
type filler struct{}

func (filler) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// exchange is a request with the answer that it got.
type exchange struct {
	*session
	line            string // of the request, for people
	answer          *http.Response
	body            []byte
	cut             error         // why the body ended too soon
	headAfter, took time.Duration // until the answer's head and its end were there
}

// judge returns everything that the checks found wrong, with the answer that it was found in.
func (x *exchange) judge(checks []check) error {
	var wrong []string
	if x.cut != nil {
		wrong = append(wrong, fmt.Sprintf("the answer breaks off: %v", x.cut))
	}
	for _, c := range checks {
		if err := c(x); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s\n- %s\nThe answer was:\n%s", x.line, strings.Join(wrong, "\n- "), indent(x.text()))
}

// text shows the answer to people.
func (x *exchange) text() string {
	const enough = 600
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s\n", x.answer.Proto, x.answer.Status)
	_ = x.answer.Header.Write(&text) // a buffer takes everything
	shown := string(bytes.ToValidUTF8(x.body[:min(enough, len(x.body))], []byte("\uFFFD")))
	fmt.Fprintf(&text, "\n%s", shown)
	if len(x.body) > enough {
		fmt.Fprintf(&text, "... (%d bytes in all)", len(x.body))
	}
	return strings.ReplaceAll(text.String(), "\r\n", "\n")
}

// raw is a step that writes bytes to a connection and reads the answers that come back, for what no HTTP client would
// send. ${name} is expanded in the bytes.
type raw struct {
	bytes   string
	answers [][]check
	ending  time.Duration // the connection must be closed within that time after the last answer
}

// lines sends lines with CR LF between them. A body follows the empty line that ends the head.
func lines(lines ...string) raw { return raw{bytes: strings.Join(lines, "\r\n")} }

// want adds an answer that must come back, after those wanted before.
func (r raw) want(checks ...check) raw {
	r.answers = append(r.answers[:len(r.answers):len(r.answers)], checks)
	return r
}

// thenClosed demands that the server closes the connection, without another byte, within timeout.
func (r raw) thenClosed(timeout time.Duration) raw {
	r.ending = timeout
	return r
}

func (r raw) requests() string {
	method, rest, _ := strings.Cut(r.bytes, " ")
	path, _, _ := strings.Cut(rest, " ")
	return method + " " + strings.TrimPrefix(path, "${base}")
}

func (r raw) do(s *session) error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	sent := s.expand(r.bytes)
	if _, err := io.WriteString(conn, sent); err != nil {
		return fmt.Errorf("sending %q: %w", sent, err)
	}
	reader := bufio.NewReader(conn)
	method, _, _ := strings.Cut(sent, " ")
	for i, checks := range r.answers {
		answer, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			return fmt.Errorf("to the bytes %q, answer %d does not come: %w", sent, i+1, err)
		}
		x := &exchange{session: s, line: fmt.Sprintf("%q", sent), answer: answer}
		x.body, x.cut = io.ReadAll(io.LimitReader(answer.Body, answerLimit))
		_ = answer.Body.Close()
		if err := x.judge(checks); err != nil {
			return err
		}
	}
	if r.ending == 0 {
		return nil
	}
	if err := conn.SetReadDeadline(time.Now().Add(r.ending)); err != nil {
		return err
	}
	more, err := io.ReadAll(io.LimitReader(reader, answerLimit))
	if len(more) > 0 {
		return fmt.Errorf("after the bytes %q the connection must be closed, but the server sent %q", sent, more)
	}
	if isTimeout(err) {
		return fmt.Errorf("after the bytes %q the connection is still open %s later", sent, r.ending)
	}
	return nil // closed, be it with an end of file or a reset
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}
