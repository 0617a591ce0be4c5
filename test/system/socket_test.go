package system

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// maxBody is the limit that the servers of these tests are given for the body of a request.
const maxBody = 64 << 10

// badRequest is what is sent on one connection and the statuses that come back, in this order. After them the
// connection is as good as new, unless the server has to close it.
type badRequest struct {
	name   string
	send   string
	want   []int
	closes bool
}

// method is that of the first request, on which it depends how an answer ends.
func (b badRequest) method() string { return strings.SplitN(b.send, " ", 2)[0] }

// TestBadRequests sends what no well-behaved client would. Each gets its status, and the server goes on.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	p := start(t, fmt.Sprintf("--max-body-size=%d", maxBody), "--cache-server=memory://", "--level=debug",
		"--log-requests")
	t.Run("all", func(t *testing.T) {
		for kind, requests := range map[string][]badRequest{
			"method": badMethods(), "target": badTargets(), "version": badVersions(), "header": badHeaders(),
			"length": badLengths(), "chunks": badChunks(), "body": badBodies(), "number": hugeNumbers(),
		} {
			for _, bad := range requests {
				t.Run(kind+" "+bad.name, func(t *testing.T) {
					t.Parallel()
					bad.run(t, p)
				})
			}
		}
	})
	p.isAlive(t)
}

func (b badRequest) run(t *testing.T, p *podinfo) {
	l := p.dial(t)
	l.say(b.send)
	for _, status := range b.want {
		l.wants(b.method(), status)
	}
	if b.closes {
		l.wantsEnd()
		return
	}
	l.say(head("GET", "/version"))
	l.wants("GET", http.StatusOK)
}

func badMethods() []badRequest {
	return []badRequest{
		{name: "invented", send: head("INVENTED", "/version"), want: []int{405}},
		{name: "invented where any goes", send: head("INVENTED", "/echo"), want: []int{202}},
		{name: "invented at no route", send: head("INVENTED", "/nowhere"), want: []int{404}},
		{name: "lower case", send: head("get", "/version"), want: []int{405}},
		{name: "no token", send: head("G@T", "/version"), want: []int{400}, closes: true},
		{name: "none", send: head("", "/version"), want: []int{400}, closes: true},
		{name: "endless", send: head(strings.Repeat("A", 60<<10), "/version"), want: []int{405}},
		{name: "OPTIONS of everything", send: head("OPTIONS", "*"), want: []int{200}},
		{name: "TRACE", send: head("TRACE", "/version"), want: []int{405}},
		{name: "CONNECT", send: head("CONNECT", "example.com:443"), want: []int{404}},
		{name: "PRI", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", want: []int{404}, closes: true},
	}
}

func badTargets() []badRequest {
	return []badRequest{
		{name: "no slash", send: head("GET", "version"), want: []int{400}, closes: true},
		{name: "star", send: head("GET", "*"), want: []int{404}},
		{name: "absolute", send: head("GET", "http://elsewhere/version"), want: []int{200}},
		{name: "bad escape", send: head("GET", "/%zz"), want: []int{400}, closes: true},
		{name: "space", send: head("GET", "/a b"), want: []int{400}, closes: true},
		{name: "NUL", send: head("GET", "/a\x00b"), want: []int{400}, closes: true},
		{name: "escaped NUL", send: head("GET", "/store/%00"), want: []int{400}},
		{name: "escaped line break", send: head("GET", "/cache/%0d%0aSet-Cookie:x"), want: []int{404}},
		{name: "bytes that are no UTF-8", send: head("GET", "/\xff\xfe"), want: []int{404}},
		{name: "escaped bytes that are no UTF-8", send: head("GET", "/cache/%ff%fe"), want: []int{404}},
		{name: "long", send: head("GET", "/"+strings.Repeat("a", 60<<10)), want: []int{404}},
		{name: "too long", send: head("GET", "/"+strings.Repeat("a", 2<<20)), want: []int{431}, closes: true},
		{name: "many segments", send: head("GET", strings.Repeat("/a", 30<<10)), want: []int{404}},
		{name: "many dots", send: head("GET", strings.Repeat("/..", 10<<10)), want: []int{301}},
	}
}

func badVersions() []badRequest {
	return []badRequest{
		{name: "HTTP/1.0", send: "GET /version HTTP/1.0\r\n\r\n", want: []int{200}, closes: true},
		{name: "HTTP/1.0 kept alive", send: "GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", want: []int{200}},
		{name: "HTTP/1.0 that streams", send: "GET /chunked/0 HTTP/1.0\r\n\r\n", want: []int{200}, closes: true},
		{name: "HTTP/1.0 too large", send: fmt.Sprintf("POST /echo HTTP/1.0\r\nContent-Length: %d\r\n\r\n", maxBody+1),
			want: []int{413}, closes: true},
		{name: "HTTP/0.9", send: "GET /version\r\n\r\n", want: []int{400}, closes: true},
		{name: "HTTP/9.9", send: "GET /version HTTP/9.9\r\nHost: podinfo\r\n\r\n", want: []int{505}, closes: true},
		{name: "no version", send: "GET /version HTTP/x\r\nHost: podinfo\r\n\r\n", want: []int{400}, closes: true},
		{name: "TLS", send: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", want: []int{400}, closes: true},
		{name: "noise", send: strings.Repeat("\xde\xad\xbe\xef", 1<<10) + "\r\n\r\n", want: []int{400}, closes: true},
	}
}

func badHeaders() []badRequest {
	const tooMuch = 2 << 20 // net/http takes one mebibyte and a little more
	return []badRequest{
		{name: "no host", send: "GET /version HTTP/1.1\r\n\r\n", want: []int{400}, closes: true},
		{name: "two hosts", send: head("GET", "/version", "Host: other"), want: []int{400}, closes: true},
		{name: "bad host", send: "GET /version HTTP/1.1\r\nHost: a b\r\n\r\n", want: []int{400}, closes: true},
		{name: "no colon", send: head("GET", "/version", "Broken"), want: []int{400}, closes: true},
		{name: "space before the colon", send: head("GET", "/version", "A : b"), want: []int{400}, closes: true},
		{name: "name of no token", send: head("GET", "/version", "\xff\xfe: b"), want: []int{400}, closes: true},
		{name: "NUL", send: head("GET", "/version", "A: b\x00c"), want: []int{400}, closes: true},
		{name: "bytes that are no UTF-8", send: head("GET", "/headers", "A: \xff\xfe", "User-Agent: \xff"), want: []int{200}},
		{name: "large", send: head("GET", "/headers", "A: "+strings.Repeat("a", 512<<10)), want: []int{200}},
		{name: "too large", send: head("GET", "/headers", "A: "+strings.Repeat("a", tooMuch)), want: []int{431},
			closes: true},
		{name: "many", send: head("GET", "/headers", manyFields(5000)...), want: []int{200}},
		{name: "too many", send: head("GET", "/headers", manyFields(100_000)...), want: []int{431}, closes: true},
		{name: "endless name", send: head("GET", "/headers", strings.Repeat("a", tooMuch)+": b"), want: []int{431},
			closes: true},
		{name: "expectation", send: head("POST", "/echo", "Expect: miracles", "Content-Length: 0"), want: []int{417},
			closes: true},
		{name: "trace context", send: head("GET", "/version", "Traceparent: \xff", "B3: -", "Uber-Trace-Id: :::",
			"X-Amzn-Trace-Id: Root=;", "Baggage: "+strings.Repeat("=,;", 5000)), want: []int{200}},
		{name: "upgrade to nothing", send: head("GET", "/version", "Connection: Upgrade", "Upgrade: h2c"), want: []int{200}},
		{name: "websocket without a key", send: head("GET", "/ws/echo", "Connection: Upgrade", "Upgrade: websocket"),
			want: []int{400}},
	}
}

func manyFields(n int) []string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf("X-Field-%d: value", i)
	}
	return fields
}

func badLengths() []badRequest {
	length := func(value string) string { return head("POST", "/echo", "Content-Length: "+value) }
	return []badRequest{
		{name: "negative", send: length("-1"), want: []int{400}, closes: true},
		{name: "no number", send: length("many"), want: []int{400}, closes: true},
		{name: "more than fits", send: length("99999999999999999999"), want: []int{400}, closes: true},
		{name: "as much as fits", send: length("9223372036854775807"), want: []int{413}, closes: true},
		{name: "two that differ", send: head("POST", "/echo", "Content-Length: 1", "Content-Length: 2") + "ab",
			want: []int{400}, closes: true},
		{name: "two that agree", send: head("POST", "/echo", "Content-Length: 1", "Content-Length: 1") + "a",
			want: []int{202}},
		{name: "and chunks", send: head("POST", "/echo", "Content-Length: 1", "Transfer-Encoding: chunked") + "0\r\n\r\n",
			want: []int{202}},
		{name: "unknown encoding", send: head("POST", "/echo", "Transfer-Encoding: gzip, chunked"), want: []int{501},
			closes: true},
		{name: "waiting to be told to go on", send: head("POST", "/echo", "Expect: 100-continue", "Content-Length: 99999999"),
			want: []int{413}, closes: true},
	}
}

func badChunks() []badRequest {
	chunks := func(raw string) string { return head("POST", "/echo", "Transfer-Encoding: chunked") + raw }
	return []badRequest{
		{name: "size that is no number", send: chunks("zzz\r\nhello\r\n0\r\n\r\n"), want: []int{400}, closes: true},
		{name: "size that is negative", send: chunks("-5\r\nhello\r\n0\r\n\r\n"), want: []int{400}, closes: true},
		{name: "size out of range", send: chunks("fffffffffffffffff\r\n"), want: []int{400}, closes: true},
		{name: "chunk longer than it says", send: chunks("3\r\nhello\r\n0\r\n\r\n"), want: []int{400}, closes: true},
		{name: "endless size", send: chunks(strings.Repeat("0", 8<<10)), want: []int{400}, closes: true},
		{name: "endless extension", send: chunks("5;" + strings.Repeat("a", 8<<10) + "\r\n"), want: []int{400}, closes: true},
		{name: "waste", send: chunks(strings.Repeat("1;"+strings.Repeat("a", 4000)+"\r\na\r\n", 20)), want: []int{400},
			closes: true},
		{name: "trailer that is too large", send: chunks("0\r\nA: " + strings.Repeat("a", 2<<20) + "\r\n\r\n"),
			want: []int{400}, closes: true},
		{name: "bare line feeds", send: chunks("5\nhello\n0\n\n"), want: []int{400}, closes: true},
	}
}

func badBodies() []badRequest {
	var requests []badRequest
	for _, target := range []string{"/echo", "/api/echo/below", "/store", "/token", "/cache/key"} {
		requests = append(requests,
			badRequest{name: "longest " + target, want: []int{map[string]int{"/token": 200}[target]},
				send: head("POST", target, fmt.Sprintf("Content-Length: %d", maxBody)) + strings.Repeat("a", maxBody)},
			badRequest{name: "too long " + target, want: []int{413}, closes: true,
				send: head("POST", target, fmt.Sprintf("Content-Length: %d", maxBody+1)) + strings.Repeat("a", maxBody+1)},
			badRequest{name: "too long and chunked " + target, want: []int{413}, closes: true,
				send: head("POST", target, "Transfer-Encoding: chunked") +
					strings.Repeat("1000\r\n"+strings.Repeat("a", 0x1000)+"\r\n", maxBody/0x1000+1) + "0\r\n\r\n"},
			badRequest{name: "no UTF-8 " + target, want: []int{map[string]int{"/token": 200}[target]},
				send: head("POST", target, "Content-Length: 3") + "\xff\xfe\x00"})
	}
	for i := range requests {
		if requests[i].want[0] == 0 {
			requests[i].want[0] = http.StatusAccepted
		}
	}
	return append(requests,
		badRequest{name: "that nobody reads", send: head("GET", "/version", "Content-Length: 5") + "hello", want: []int{200}},
		badRequest{name: "too long that nobody reads", want: []int{200}, closes: true,
			send: head("GET", "/version", "Content-Length: 1048576") + strings.Repeat("a", 1<<20)},
		badRequest{name: "endless that nobody reads", want: []int{200}, closes: true,
			send: head("GET", "/version", "Transfer-Encoding: chunked") +
				strings.Repeat("10000\r\n"+strings.Repeat("a", 0x10000)+"\r\n", 16)})
}

func hugeNumbers() []badRequest {
	var requests []badRequest
	for _, number := range []string{"9223372036854775807", "9223372036854775808", strings.Repeat("9", 1000)} {
		for _, path := range []string{"/delay/", "/status/"} {
			requests = append(requests, badRequest{
				name: path + number[:min(len(number), 20)], send: head("GET", path+number), want: []int{400},
			})
		}
	}
	for _, status := range []string{"0", "99", "100", "101", "199", "1000"} {
		send := head("GET", "/status/"+status)
		requests = append(requests, badRequest{name: "status " + status, send: send, want: []int{400}})
	}
	return requests
}
