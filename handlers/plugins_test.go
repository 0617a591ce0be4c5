package handlers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/shared/faults"
	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// fakeManager is a host of one plugin that answers as it is told, and remembers what it was asked.
type fakeManager struct {
	info   *contract.Info
	err    error                                   // of everything, when it is set
	answer func(context.Context, any) (any, error) // nil gives the value back

	mu    sync.Mutex
	calls []string
	value any // that was last given to it
}

// the plugin of the fake.
const cborFile = "protocol-grpc-cbor"

func (m *fakeManager) note(call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, call)
}

func (m *fakeManager) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *fakeManager) given() any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.value
}

func (m *fakeManager) status(name string) (contract.Status, error) {
	if m.err != nil {
		return contract.Status{}, m.err
	}
	if name != cborFile && name != "cbor" {
		return contract.Status{}, fmt.Errorf("plugin %q: %w", name, contract.ErrNotFound)
	}
	return contract.Status{
		Name: cborFile, Transport: contract.GRPC, State: contract.Ready, PID: 7, Info: m.info,
		Since: time.Date(2030, 1, 2, 15, 4, 5, 0, time.UTC),
	}, nil
}

func (m *fakeManager) List() []contract.Status {
	if status, err := m.status(cborFile); err == nil {
		return []contract.Status{status}
	}
	return nil
}

func (m *fakeManager) Get(name string) (contract.Status, error) { return m.status(name) }

func (m *fakeManager) Encode(ctx context.Context, name string, value any) (any, error) {
	return m.convert(ctx, "encode "+name, value)
}

func (m *fakeManager) Decode(ctx context.Context, name string, value any) (any, error) {
	return m.convert(ctx, "decode "+name, value)
}

func (m *fakeManager) convert(ctx context.Context, call string, value any) (any, error) {
	m.note(call)
	m.mu.Lock()
	m.value = value
	m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	if m.answer != nil {
		return m.answer(ctx, value)
	}
	return value, nil
}

func (m *fakeManager) Reload(_ context.Context, name string) (contract.Status, error) {
	m.note("reload " + name)
	return m.status(name)
}

func (m *fakeManager) Kill(_ context.Context, name string) (contract.Status, error) {
	m.note("kill " + name)
	return m.status(name)
}

func (m *fakeManager) Start(_ context.Context, name string) (contract.Status, error) {
	m.note("start " + name)
	return m.status(name)
}

func (m *fakeManager) Delete(_ context.Context, name string) error {
	m.note("delete " + name)
	_, err := m.status(name)
	return err
}

// with gives an API the plugins of m and an operator.
func (m *fakeManager) with(d *handlers.Deps) {
	d.Plugins = m
	d.PluginAdmin = admin.New("correct-horse", false)
	d.PluginTimeout = time.Minute
}

const letIn = "Bearer correct-horse"

// send makes a request with headers, given as names and values in turn.
func send(t *testing.T, method, url, body string, header ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	return do(t, request)
}

const cborStatus = `{
  "name": "protocol-grpc-cbor",
  "transport": "grpc",
  "state": "ready",
  "since": "2030-01-02T15:04:05Z",
  "pid": 7,
  "restarts": 0,
  "reloads": 0,
  "in_flight": 0
}`

func TestPluginsAreListed(t *testing.T) {
	t.Parallel()
	url := serve(t, (&fakeManager{}).with)
	for path, want := range map[string]string{
		"/plugins":                    "[\n  " + strings.ReplaceAll(cborStatus, "\n", "\n  ") + "\n]",
		"/plugins/protocol-grpc-cbor": cborStatus,
		"/plugins/cbor":               cborStatus,
		"/plugins/%63bor":             cborStatus,
	} {
		got := ask(t, "GET", url+path)
		if got.status != 200 || got.body != want || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("GET %s: got %d %q %s, want 200 and the JSON\n%s", path, got.status, got.header, got.body, want)
		}
		if head := ask(t, "HEAD", url+path); head.status != 200 || head.body != "" {
			t.Errorf("HEAD %s: got %d %q, want 200 without a body", path, head.status, head.body)
		}
	}
	none := serve(t, (&fakeManager{err: contract.ErrNotFound}).with)
	if got := ask(t, "GET", none+"/plugins"); got.status != 200 || got.body != "[]" {
		t.Errorf("without plugins the list is %d %s, want 200 []", got.status, got.body)
	}
	if got := ask(t, "GET", none+"/plugins/none"); got.status != 404 || !strings.Contains(got.body, `"code": 404`) {
		t.Errorf("a plugin that is not there answers %d %s, want the error object 404", got.status, got.body)
	}
}

func TestPluginsStandUnderThePrefix(t *testing.T) {
	t.Parallel()
	url := serve(t, (&fakeManager{}).with, func(d *handlers.Deps) { d.Prefix = "/p" })
	if got := send(t, "POST", url+"/p/plugins/cbor/encode", "hello"); got.status != 200 || got.body != "hello" {
		t.Errorf("got %d %q under the prefix, want 200", got.status, got.body)
	}
	if got := ask(t, "GET", url+"/plugins"); got.status != 404 {
		t.Errorf("/plugins outside of the prefix answers %d, want 404", got.status)
	}
}

func TestPluginsRefuseOtherMethods(t *testing.T) {
	t.Parallel()
	url := serve(t, (&fakeManager{}).with)
	for _, tt := range []struct{ method, path, allow string }{
		{"POST", "/plugins", "GET, HEAD"},
		{"OPTIONS", "/plugins", "GET, HEAD"},
		{"PUT", "/plugins/cbor", "DELETE, GET, HEAD"},
		{"GET", "/plugins/cbor/encode", "POST"},
		{"HEAD", "/plugins/cbor/decode", "POST"},
		{"GET", "/plugins/cbor/kill", "POST"},
		{"DELETE", "/plugins/cbor/reload", "POST"},
		{"OPTIONS", "/plugins/cbor/start", "POST"},
	} {
		if got := ask(t, tt.method, url+tt.path); got.status != 405 || got.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %d, Allow %q; want 405, %q", tt.method, tt.path, got.status, got.header.Get("Allow"), tt.allow)
		}
	}
	for _, path := range []string{"/plugins/", "/plugins/cbor/", "/plugins/cbor/explode", "/plugins/a/b/encode"} {
		if got := ask(t, "POST", url+path); got.status != 404 {
			t.Errorf("POST %s: got %d, want 404", path, got.status)
		}
	}
}

func TestConversionTakesBytesAndJSON(t *testing.T) {
	t.Parallel()
	const encode, decode = "/plugins/cbor/encode", "/plugins/cbor/decode"
	for _, tt := range []struct {
		name, path, contentType, body string
		want                          any // that the plugin is given
	}{
		{"bytes", encode, "application/octet-stream", "\x00\xff", []byte("\x00\xff")},
		{"nothing", encode, "application/octet-stream", "", []byte{}},
		{"no type", encode, "", `{"a":1}`, []byte(`{"a":1}`)},
		{"a form", encode, "application/x-www-form-urlencoded", "a=1", []byte("a=1")},
		{"text", encode, "text/plain; charset=utf-8", `"a"`, []byte(`"a"`)},
		{"what is like JSON", encode, "application/jsonl", `"a"`, []byte(`"a"`)},
		{"a type that is broken", encode, "application/json; charset", `"a"`, "a"},
		{"JSON in upper case", encode, "Application/JSON", `"a"`, "a"},
		{"JSON with a charset", encode, "application/json; charset=utf-8", `"a"`, "a"},
		{"what ends in +json", encode, "application/senml+json", `[1]`, []any{int64(1)}},
		{"an object", encode, "application/json", ` {"a": [1, -1, 1.5, true, null, "b"]} `,
			map[string]any{"a": []any{int64(1), int64(-1), 1.5, true, nil, "b"}}},
		{"large numbers", encode, "application/json", `[9223372036854775807, 18446744073709551615]`,
			[]any{int64(math.MaxInt64), uint64(math.MaxUint64)}},
		{"null", encode, "application/json", `null`, nil},
		{"text to encode", encode, "application/json", `"aGVsbG8="`, "aGVsbG8="},
		{"bytes to decode", decode, "", "\x00\xff", []byte("\x00\xff")},
		{"base64 to decode", decode, "application/json", `"aGVsbG8="`, []byte("hello")},
		{"a value to decode", decode, "application/json", `{"a":1}`, map[string]any{"a": int64(1)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &fakeManager{}
			got := send(t, "POST", serve(t, m.with)+tt.path, tt.body, "Content-Type", tt.contentType)
			if got.status != 200 || !reflect.DeepEqual(m.given(), tt.want) {
				t.Errorf("%q of type %q: got %d %s, and the plugin %#v; want %#v", tt.body, tt.contentType, got.status, got.body,
					m.given(), tt.want)
			}
		})
	}
}

func TestConversionRefusesBadBodies(t *testing.T) {
	t.Parallel()
	m := &fakeManager{}
	url := serve(t, m.with, func(d *handlers.Deps) { d.MaxBody = 64 })
	for _, tt := range []struct {
		name, path, body string
		status           int
	}{
		{"no JSON", "encode", "", 400},
		{"half of it", "encode", `{"a":`, 400},
		{"two", "encode", `1 2`, 400},
		{"a member twice", "encode", `{"a":1,"a":2}`, 400},
		{"a number too large", "encode", `18446744073709551616`, 400},
		{"not UTF-8", "encode", "\"\xff\"", 400},
		{"no base64", "decode", `"!"`, 400},
		{"too long", "encode", `"` + strings.Repeat("x", 64) + `"`, 413},
	} {
		got := send(t, "POST", url+"/plugins/cbor/"+tt.path, tt.body, "Content-Type", "application/json")
		if got.status != tt.status || !strings.Contains(got.body, fmt.Sprintf(`"code": %d`, tt.status)) {
			t.Errorf("%s: got %d %s, want the error object %d", tt.name, got.status, got.body, tt.status)
		}
	}
	if len(m.asked()) > 0 {
		t.Errorf("a plugin was called with a bad body: %q", m.asked())
	}
}

// What is no media type is not taken for bytes: who sent it may well have meant JSON.
func TestConversionRefusesWhatIsNoMediaType(t *testing.T) {
	t.Parallel()
	m := &fakeManager{}
	url := serve(t, m.with)
	for _, contentType := range []string{
		"application/json, application/json", "application/json,application/cbor", "text/plain, application/json",
		"application/json/x", "application/json; charset=utf-8; charset=ascii", "json", "/", ",",
	} {
		for _, direction := range []string{"encode", "decode"} {
			got := send(t, "POST", url+"/plugins/cbor/"+direction, `"aGk="`, "Content-Type", contentType)
			named := fmt.Sprintf(`the Content-Type \"%s\" is no media type`, contentType)
			if got.status != 400 || !strings.Contains(got.body, named) {
				t.Errorf("%s: got %d %s, want 400 and %s", contentType, got.status, got.body, named)
			}
		}
	}
	if len(m.asked()) > 0 {
		t.Errorf("a plugin was called: %q", m.asked())
	}
}

func TestConversionAnswers(t *testing.T) {
	t.Parallel()
	const octets, isJSON = "application/octet-stream", "application/json; charset=utf-8"
	content := []byte("\x00\xff")
	for _, tt := range []struct {
		name, direction string
		contentType     string // that the plugin says
		accept          string
		answer          any
		wantType, want  string
	}{
		{"encoded bytes", "encode", "application/cbor", "", content, "application/cbor", "\x00\xff"},
		{"with a parameter", "encode", "text/x; charset=utf-8", "", content, "text/x; charset=utf-8", "\x00\xff"},
		{"without a type", "encode", "", "", content, octets, "\x00\xff"},
		{"with what is no type", "encode", "a\r\nSet-Cookie: b", "", content, octets, "\x00\xff"},
		{"for those who take all", "encode", "application/cbor", "*/*", content, "application/cbor", "\x00\xff"},
		{"for those who like both", "encode", "application/cbor", "application/json, text/plain, */*", content,
			"application/cbor", "\x00\xff"},
		{"for those who want JSON", "encode", "application/cbor", "application/json", content, isJSON, `"AP8="`},
		{"for those who prefer JSON", "encode", "application/cbor", "application/json, */*;q=0.5", content, isJSON, `"AP8="`},
		{"for those who prefer the type", "encode", "application/cbor", "application/json;q=0.5, application/*", content,
			"application/cbor", "\x00\xff"},
		{"decoded bytes", "decode", "application/cbor", "", content, octets, "\x00\xff"},
		{"decoded bytes as JSON", "decode", "application/cbor", "application/json", content, isJSON, `"AP8="`},
		{"nothing", "decode", "", "", []byte{}, octets, ""},
		{"a value", "decode", "", "", map[string]any{"a": []any{content, int64(1), 1.5, nil, true, "<"}}, isJSON,
			"{\n  \"a\": [\n    \"AP8=\",\n    1,\n    1.5,\n    null,\n    true,\n    \"<\"\n  ]\n}"},
		{"an encoded value", "encode", "application/cbor", "application/cbor", "text", isJSON, `"text"`},
		{"null", "decode", "", "", nil, isJSON, "null"},
		{"a whole float", "decode", "", "", []any{2.0, int64(2)}, isJSON, "[\n  2.0,\n  2\n]"},
		{"a large number", "decode", "", "", uint64(math.MaxUint64), isJSON, "18446744073709551615"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &fakeManager{
				info:   &contract.Info{Name: "CBOR", ContentType: tt.contentType},
				answer: func(context.Context, any) (any, error) { return tt.answer, nil },
			}
			got := send(t, "POST", serve(t, m.with)+"/plugins/cbor/"+tt.direction, "x", "Accept", tt.accept)
			if got.status != 200 || got.body != tt.want || got.header.Get("Content-Type") != tt.wantType {
				t.Errorf("got %d %q of type %q; want %q of type %q", got.status, got.body, got.header.Get("Content-Type"),
					tt.want, tt.wantType)
			}
			if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Set-Cookie") != "" {
				t.Errorf("the headers are %v", got.header)
			}
			_, isBytes := tt.answer.([]byte)
			raw := isBytes && tt.wantType != isJSON
			if (got.header.Get("Vary") == "Accept") != isBytes ||
				strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") != raw {
				t.Errorf("the headers are %v", got.header)
			}
		})
	}
}

// Indentation must not turn a few megabytes into gigabytes, which a value of many levels would make of it.
func TestLargeAnswersAreNotIndented(t *testing.T) {
	t.Parallel()
	var deep any = slices.Repeat([]any{true}, 1<<16)
	for range 900 {
		deep = []any{deep}
	}
	m := &fakeManager{answer: func(context.Context, any) (any, error) { return deep, nil }}
	got := send(t, "POST", serve(t, m.with)+"/plugins/cbor/decode", "x")
	if want := 1<<16*len("true,") + 2*901 - 1; got.status != 200 || len(got.body) != want {
		t.Errorf("got %d and %d bytes, want 200 and %d", got.status, len(got.body), want)
	}
}

func TestAnswersThatJSONCannotHold(t *testing.T) {
	t.Parallel()
	for _, value := range []any{math.NaN(), math.Inf(1), "\xff", map[string]any{"\xff": 1}, []any{make(chan int)}} {
		m := &fakeManager{answer: func(context.Context, any) (any, error) { return value, nil }}
		got := send(t, "POST", serve(t, m.with)+"/plugins/cbor/decode", "x")
		if got.status != 502 || !strings.Contains(got.body, "JSON cannot hold") {
			t.Errorf("%v is answered %d %s, want 502 and why", value, got.status, got.body)
		}
	}
}

func TestPluginErrors(t *testing.T) {
	t.Parallel()
	say := func(kind error) error { return fmt.Errorf("words for the client: %w", kind) }
	for _, tt := range []struct {
		err        error
		status     int
		retryAfter string
	}{
		{say(contract.ErrInvalid), 400, ""},
		{say(contract.ErrAmbiguous), 400, ""},
		{say(contract.ErrNotFound), 404, ""},
		{say(contract.ErrReloading), 409, ""},
		{say(contract.ErrReadOnly), 409, ""},
		{say(contract.ErrTooLarge), 413, ""},
		{say(contract.ErrRefused), 422, ""},
		{say(contract.ErrBusy), 429, "1"},
		{say(contract.ErrDied), 502, ""},
		{say(contract.ErrAnswer), 502, ""},
		{say(contract.ErrBroken), 502, ""},
		{say(contract.ErrTimeout), 504, ""},
		{say(&contract.UnavailableError{Name: "x", State: contract.Starting}), 503, "1"},
		{say(&contract.UnavailableError{Name: "x", State: contract.Backoff, RetryAfter: 1100 * time.Millisecond}), 503, "2"},
		{say(&contract.UnavailableError{Name: "x", State: contract.Failed, RetryAfter: time.Minute}), 503, "60"},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			t.Parallel()
			url := serve(t, (&fakeManager{err: tt.err}).with)
			for _, request := range []string{
				"GET /plugins/cbor", "POST /plugins/cbor/encode", "POST /plugins/cbor/decode", "POST /plugins/cbor/reload",
				"POST /plugins/cbor/kill", "POST /plugins/cbor/start", "DELETE /plugins/cbor",
			} {
				method, path, _ := strings.Cut(request, " ")
				got := send(t, method, url+path, "x", "Authorization", letIn)
				var object struct {
					Code    int
					Message string
				}
				if err := json.Unmarshal([]byte(got.body), &object); err != nil || got.status != tt.status ||
					object.Code != tt.status || object.Message != tt.err.Error() {
					t.Errorf("%s: got %d %s, want %d and the words of the error", request, got.status, got.body, tt.status)
				}
				if after := got.header.Get("Retry-After"); after != tt.retryAfter {
					t.Errorf("%s: Retry-After is %q, want %q", request, after, tt.retryAfter)
				}
			}
		})
	}
}

// What no kind of error says is the host's own affair.
func TestUnknownPluginErrorsStayInTheLog(t *testing.T) {
	t.Parallel()
	var log syncBuilder
	url := serve(t, (&fakeManager{err: errors.New("open /secret/place: no")}).with, func(d *handlers.Deps) {
		d.Log.SetOutput(&log)
	})
	got := send(t, "POST", url+"/plugins/cbor/encode", "x")
	if got.status != 500 || strings.Contains(got.body, "secret") || !strings.Contains(log.String(), "/secret/place") {
		t.Errorf("got %d %s and the log\n%s; want 500 without the cause, which is for the log", got.status, got.body, &log)
	}
}

func TestPluginsAreManagedByTheOperatorOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		gate   admin.Gate
		header string
		status int
		want   string // in the answer of one who is not let in
	}{
		{"the right token", admin.New("correct-horse", false), letIn, 200, ""},
		{"no token", admin.New("correct-horse", false), "", 403, "Authorization: Bearer TOKEN"},
		{"a wrong token", admin.New("correct-horse", false), "Bearer wrong", 403, "--plugin-admin-token"},
		{"another scheme", admin.New("correct-horse", false), "Basic correct-horse", 403, "Bearer"},
		{"none configured", admin.New("", false), letIn, 403, "--plugin-admin-token-file"},
		{"none configured and none sent", admin.New("", false), "Bearer ", 403, "--plugin-admin-token-file"},
		{"read-only", admin.New("correct-horse", true), letIn, 403, "--read-only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &fakeManager{}
			url := serve(t, m.with, func(d *handlers.Deps) { d.PluginAdmin = tt.gate })
			for _, request := range []string{"DELETE ", "POST /kill", "POST /reload", "POST /start"} {
				method, path, _ := strings.Cut(request, " ")
				got := send(t, method, url+"/plugins/cbor"+path, "", "Authorization", tt.header)
				status, body := tt.status, cborStatus
				if method == "DELETE" && status == 200 {
					status, body = 204, ""
				}
				if got.status != status || tt.want == "" && got.body != body ||
					!strings.Contains(got.body, tt.want) || strings.Contains(got.body, "horse") {
					t.Errorf("%s: got %d %s; want %d and %q", request, got.status, got.body, status, tt.want)
				}
			}
			if asked := len(m.asked()); (asked == 4) != (tt.status == 200) {
				t.Errorf("the host was asked for %q", m.asked())
			}
			if got := send(t, "POST", url+"/plugins/cbor/encode", "x"); got.status != 200 {
				t.Errorf("encode answers %d, though everybody may", got.status)
			}
		})
	}
}

func TestWithheldPluginsAnswer501(t *testing.T) {
	t.Parallel()
	const reason = "no plugins are loaded here"
	url := serve(t, func(d *handlers.Deps) {
		d.Withheld = map[handlers.Capability]string{handlers.Plugins: reason}
	})
	for _, rt := range handlers.Routes() {
		if rt.Needs != handlers.Plugins {
			continue
		}
		for _, method := range rt.Methods {
			got := ask(t, method, url+strings.ReplaceAll(rt.Path, "{name}", "cbor"))
			if got.status != 501 || method != "HEAD" && !strings.Contains(got.body, reason) {
				t.Errorf("%s %s: got %d %s; want 501 and the reason", method, rt.Path, got.status, got.body)
			}
		}
	}
}

func TestFaultsHitPlugins(t *testing.T) {
	t.Parallel()
	m := &fakeManager{}
	url := serve(t, m.with, func(d *handlers.Deps) {
		d.Faults = faults.New(faults.Options{})
		d.Faults.SetEnabled(true)
	})
	for _, path := range []string{"/plugins/cbor/encode", "/plugins/cbor/kill"} {
		if got := send(t, "POST", url+path, "x", "Authorization", letIn); got.status != 500 {
			t.Errorf("%s answers %d while faults are injected, want 500", path, got.status)
		}
	}
	if len(m.asked()) > 0 {
		t.Errorf("the host was asked for %q", m.asked())
	}
}

// untilEnd is a plugin that answers when its caller gives up.
func untilEnd(ctx context.Context, _ any) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestPluginCallPastTheDeadlineOfThePlatformAnswers504(t *testing.T) {
	t.Parallel()
	m := &fakeManager{answer: untilEnd}
	const request = "POST /plugins/cbor/encode HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	if got := talk(t, serveBounded(t, platformTime, m.with), request); got != overdueAnswer {
		t.Errorf("the answer is %q, want %q", got, overdueAnswer)
	}
}

func TestPluginCallOfALeavingClientAnswers499(t *testing.T) {
	t.Parallel()
	m := &fakeManager{answer: untilEnd}
	conn, err := net.Dial("tcp", strings.TrimPrefix(serve(t, m.with), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprint(conn, "POST /plugins/cbor/encode HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
	testkit.Eventually(t, 5*time.Second, "the plugin to be called", func() bool { return len(m.asked()) > 0 })
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	if got.StatusCode != 499 {
		t.Errorf("the answer is %d, want 499", got.StatusCode)
	}
}

// A body that does not arrive is the client's fault, although net/http ends the request's context with it.
func TestSlowBodyForAPluginAnswers408(t *testing.T) {
	t.Parallel()
	url := serveBounded(t, time.Minute, (&fakeManager{}).with, func(d *handlers.Deps) { d.ServerTimeout = platformTime })
	const request = "POST /plugins/cbor/encode HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello"
	if got := talk(t, url, request); !strings.HasPrefix(got, "408 ") {
		t.Errorf("the answer is %q, want 408", got)
	}
}

// A call may take longer than the server gives other requests.
func TestPluginCallMayOutlastTheTimeoutOfTheServer(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	m := &fakeManager{answer: func(ctx context.Context, v any) (any, error) {
		select {
		case <-time.After(3 * timeout):
			return v, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	api := handlers.New(deps(t, m.with, func(d *handlers.Deps) { d.ServerTimeout = timeout }))
	server := httptest.NewUnstartedServer(api)
	server.Config.ReadTimeout, server.Config.WriteTimeout = timeout, timeout
	server.Start()
	t.Cleanup(server.Close)
	if got := send(t, "POST", server.URL+"/plugins/cbor/encode", "hello"); got.status != 200 || got.body != "hello" {
		t.Errorf("got %d %q, want 200 and the answer", got.status, got.body)
	}
}

// The bytes that a plugin was given are its own: a plugin that is late may read them when the next request is there.
func TestPluginKeepsItsBytes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var kept [][]byte
	m := &fakeManager{answer: func(_ context.Context, v any) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, v.([]byte))
		return v, nil
	}}
	url := serve(t, m.with)
	for i := range 8 {
		send(t, "POST", url+"/plugins/cbor/encode", strings.Repeat(strconv.Itoa(i), 100))
	}
	for i, bytes := range kept {
		if want := strings.Repeat(strconv.Itoa(i), 100); string(bytes) != want {
			t.Errorf("what request %d brought reads %.20q by now", i, bytes)
		}
	}
}

// FuzzConversion has any body of any type. Whatever becomes of it, the answer is one that the API document names, and
// what a plugin gives back comes back.
func FuzzConversion(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"a":2}`, `[1e999]`, `18446744073709551616`, `"\ud800"`, "\"\xff\"", `{"a":[null,true,-0.0]} x`,
		strings.Repeat("[", 2000) + strings.Repeat("]", 2000), "", "\xef\xbb\xbf1", `"aGVsbG8"`,
	} {
		f.Add("application/json", "", seed, false)
		f.Add("", "application/json", seed, true)
	}
	f.Fuzz(func(t *testing.T, contentType, accept, body string, decode bool) {
		m := &fakeManager{info: &contract.Info{ContentType: contentType}}
		api := handlers.New(deps(t, m.with))
		path := "/plugins/cbor/encode"
		if decode {
			path = "/plugins/cbor/decode"
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		request.Header.Set("Content-Type", contentType)
		request.Header.Set("Accept", accept)
		got := httptest.NewRecorder()
		api.ServeHTTP(got, request)
		isJSON := strings.HasPrefix(got.Header().Get("Content-Type"), "application/json")
		switch {
		case got.Code != 200 && got.Code != 400 && got.Code != 413:
			t.Errorf("%q is answered %d %s", body, got.Code, got.Body)
		case got.Code != 200 && len(m.asked()) > 0:
			t.Errorf("%q is refused, but the plugin was called", body)
		case isJSON && accept != "" && !json.Valid(got.Body.Bytes()):
			t.Errorf("%q is answered with what is no JSON: %q", body, got.Body)
		}
	})
}

// syncBuilder is a log that several goroutines write.
type syncBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
