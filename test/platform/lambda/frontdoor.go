package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// door is what the front doors have in common: an http.Handler that turns a request into an event, invokes the
// function and turns its response into an answer. The fields are what each does in its own way.
type door struct {
	f *Function
	// bodyLimit bounds the body of a request, in bytes.
	bodyLimit int64
	// headerLimit bounds the headers of a request, all together, and lineLimit each of them, in bytes; 0 for none.
	headerLimit, lineLimit int
	// timeout bounds the wait for the function, 0 if the door waits for as long as the function may run.
	timeout time.Duration
	// admit answers requests that do not reach the function, and tells whether this one does.
	admit func(w http.ResponseWriter, r *http.Request) bool
	// event makes the event. The headers that the platform adds or takes away are done.
	event func(r request) any
	// answer reads the function's response. An error says that it is malformed.
	answer func(payload []byte) (answer, error)
	// fail writes the door's own answer to what went wrong.
	fail func(w http.ResponseWriter, why failure)
}

// failure is something that keeps a request from a proper answer.
type failure int

const (
	bodyTooLarge   failure = iota // the request is larger than the door or Lambda takes
	headerTooLarge                // its headers are
	functionFailed                // the function failed, or answered what the door cannot read
	outOfTime                     // the door did not want to wait any longer
	noSuchPath                    // the path is not one of this deployment
	badMethod                     // the door hands on no such method
)

// request is a request on its way into an event.
type request struct {
	*http.Request
	id     string
	at     time.Time
	header http.Header // without hop-by-hop headers, with those that the platform adds
	path   string      // as the client sent it, undecoded
	query  string      // the same
	body   []byte
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !d.admit(w, r) {
		return
	}
	if d.overloaded(r) {
		d.fail(w, headerTooLarge)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, d.bodyLimit))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		d.fail(w, bodyTooLarge)
		return
	}
	if err != nil {
		return // the client has left, or broke off
	}
	in := receive(r, body)
	payload := encode(d.event(in))
	if len(payload) > payloadLimit {
		d.fail(w, bodyTooLarge)
		return
	}
	ctx := r.Context()
	if d.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.timeout)
		defer cancel()
	}
	inv := newInvocation(payload, in.header.Get("X-Amzn-Trace-Id"), d.f.o.Shape.streams())
	inv.id = in.id
	out, err := d.f.invoke(ctx, inv)
	switch {
	case r.Context().Err() != nil:
	case err != nil:
		d.fail(w, outOfTime)
	case out.fault != nil:
		d.fail(w, functionFailed)
	case out.stream != nil:
		d.stream(w, r, out)
	default:
		d.finish(w, r, out.body)
	}
}

// overloaded tells whether the headers of a request are too large.
func (d *door) overloaded(r *http.Request) bool {
	total := 0
	for name, values := range r.Header {
		for _, value := range values {
			line := len(name) + len(value)
			if d.lineLimit > 0 && line > d.lineLimit {
				return true
			}
			total += line
		}
	}
	return d.headerLimit > 0 && total > d.headerLimit
}

// finish answers with a response that is complete.
func (d *door) finish(w http.ResponseWriter, r *http.Request, payload []byte) {
	a, err := d.answer(payload)
	if err != nil {
		w.Header().Set(malformedHeader, err.Error())
		d.fail(w, functionFailed)
		return
	}
	a.write(w, r)
}

// malformedHeader says in an answer why the function's response is malformed. No front door of AWS sends it: there,
// one has to look into the access log.
const malformedHeader = "X-Standin-Malformed"

// receive notes what a platform knows of a request that it hands on.
//
// The scheme and port are those that the client used. On AWS they are https and 443 with all front doors but the load
// balancers; to pretend so would send clients to where nobody listens.
func receive(r *http.Request, body []byte) request {
	header := r.Header.Clone()
	hopByHop(header)
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	forwarded := slices.Concat(header.Values("X-Forwarded-For"), []string{ip})
	port := "80"
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		port = p
	}
	header.Set("Host", r.Host)
	header.Set("X-Forwarded-For", strings.Join(forwarded, ", "))
	header.Set("X-Forwarded-Port", port)
	header.Set("X-Forwarded-Proto", "http")
	if _, ok := traceField(header.Get("X-Amzn-Trace-Id"), "Root"); !ok {
		header.Set("X-Amzn-Trace-Id", "Root="+traceRoot(""))
	}
	if len(body) > 0 || r.ContentLength == 0 && r.Header.Get("Content-Length") != "" {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") { // http://host/path, which only proxies get to see
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
	}
	return request{Request: r, id: newID(), at: time.Now(), header: header, path: path, query: query, body: body}
}

// sourceIP returns the address of the client.
func (r request) sourceIP() string {
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	return ip
}

// hopByHop removes the headers that are about one connection only (RFC 9110 section 7.6.1), and those that they name.
func hopByHop(h http.Header) {
	for _, names := range h.Values("Connection") {
		for name := range strings.SplitSeq(names, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade",
	} {
		h.Del(name)
	}
}

// textual tells whether a body travels as it is, because of its type. Others travel in base64.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
//
// The document is that of the load balancer, under "Receive events from the load balancer". The HTTP API and function
// URLs were seen to do the same; their documents speak of "binary" bodies only. A text that is not UTF-8 cannot travel
// in JSON as it is, so it counts as binary.
func textual(header http.Header, body []byte) bool {
	if header.Get("Content-Encoding") != "" || !utf8.Valid(body) {
		return false
	}
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); media {
	case "application/json", "application/javascript", "application/xml":
		return true
	default:
		return strings.HasPrefix(media, "text/")
	}
}

// carried returns a body as it travels in an event.
func carried(header http.Header, body []byte) (text string, isBase64 bool) {
	if len(body) == 0 || textual(header, body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

// pair is a parameter of a query.
type pair struct{ name, value string }

// parameters splits a query. Decoded ones are decoded as forms are; what cannot be decoded stays.
func parameters(query, separators string, decode bool) []pair {
	var pairs []pair
	for field := range strings.FieldsFuncSeq(query, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
		name, value, _ := strings.Cut(field, "=")
		if decode {
			name, value = unescape(name), unescape(value)
		}
		pairs = append(pairs, pair{name, value})
	}
	return pairs
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// collect gathers the values of each name, in their order.
func collect(pairs []pair) map[string][]string {
	if len(pairs) == 0 {
		return nil
	}
	all := map[string][]string{}
	for _, p := range pairs {
		all[p.name] = append(all[p.name], p.value)
	}
	return all
}

// reduce makes one value of the values of each name.
func reduce(all map[string][]string, one func([]string) string) map[string]string {
	if all == nil {
		return nil
	}
	single := make(map[string]string, len(all))
	for name, values := range all {
		single[name] = one(values)
	}
	return single
}

func last(values []string) string   { return values[len(values)-1] }
func joined(values []string) string { return strings.Join(values, ",") }

// lowered returns the headers with their names in lower case.
func lowered(h http.Header) map[string][]string {
	low := make(map[string][]string, len(h))
	for name, values := range h {
		low[strings.ToLower(name)] = values
	}
	return low
}

// answer is an answer on its way out.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// scalar is a header value in a response. Functions write numbers and truth values, too.
type scalar string

// UnmarshalJSON takes a string, a number or a truth value.
func (s *scalar) UnmarshalJSON(b []byte) error {
	var text string
	switch {
	case len(b) == 0 || b[0] == '{' || b[0] == '[':
		return fmt.Errorf("%s cannot be the value of a header", b)
	case b[0] != '"':
		*s = scalar(b)
		return nil
	}
	err := json.Unmarshal(b, &text)
	*s = scalar(text)
	return err
}

// compose makes an answer of the parts of a response.
//
// The status has to be one that can end an answer: no front door is documented to send 1xx on, and RFC 9110 section 15
// knows none above 599.
func compose(status int, body string, isBase64 bool, header http.Header, contentType string) (answer, error) {
	if status < 200 || status > 599 {
		return answer{}, fmt.Errorf("statusCode %d is no status of a final answer", status)
	}
	raw := []byte(body)
	if isBase64 {
		var err error
		if raw, err = base64.StdEncoding.DecodeString(body); err != nil {
			return answer{}, fmt.Errorf("isBase64Encoded is true, but the body is not base64: %w", err)
		}
	}
	if header.Get("Content-Type") == "" && contentType != "" {
		header.Set("Content-Type", contentType)
	}
	return answer{status: status, header: header, body: raw}, nil
}

// write sends the answer. The front doors compute Content-Length and manage their connections by themselves.
func (a answer) write(w http.ResponseWriter, r *http.Request) {
	a.head(w)
	if r.Method != http.MethodHead && a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // a client who has left misses it
	}
}

// head sets the headers of the answer.
func (a answer) head(w http.ResponseWriter) {
	hopByHop(a.header)
	a.header.Del("Content-Length")
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.header.Get("Content-Type") == "" {
		w.Header()["Content-Type"] = nil // or net/http would guess
	}
}

// methods are the ones that API Gateway means by ANY, and those that a function URL's event is documented to hold.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-method-settings.html
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload
var methods = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

// problem writes an error of an AWS front door in JSON.
func problem(w http.ResponseWriter, status int, key, message string) {
	answerJSON(w, status, encode(map[string]string{key: message}))
}
