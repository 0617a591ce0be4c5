package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// echo is what comes back of what is sent, from the server itself or from its backends.
func echo() []Group {
	var bytes strings.Builder
	for b := range 256 {
		bytes.WriteByte(byte(b))
	}
	every := bytes.String()
	routes, needs := []string{"/echo", "/echo/*", "/api/echo", "/api/echo/*"}, []Capability{Backends}
	return []Group{
		{Name: "echo", Routes: routes, Cases: []Case{
			it("returns the body", post("/echo", "hello").want(status(202), rawReply(), body("hello"))),
			it("returns every byte", post("/echo", every).want(status(202), rawReply(), body(every))),
			it("returns a body of unknown length",
				post("/echo", "hello").chunked().want(status(202), rawReply(), body("hello"))),
			it("returns a MiB", post("/echo", "").filled(1<<20).want(status(202), rawReply(), filledBody(1<<20))).
				needs(MegaBody),
			it("returns nothing for nothing", get("/echo").want(status(202), rawReply(), body("")),
				post("/echo", "").want(status(202), rawReply(), body(""))),
			it("never takes over the type of the request",
				post("/echo", "<script>alert(1)</script>").with("Content-Type", "text/html").
					want(status(202), rawReply(), body("<script>alert(1)</script>"))),
			it("tells the color", get("/api/info").want(status(200), save("color", "color")),
				post("/echo", "x").want(status(202), header("X-Color", "${color}"))),
			it("takes the usual methods",
				put("/echo", "x").want(status(202), body("x")),
				send(http.MethodPatch, "/echo", "x").want(status(202), body("x")),
				remove("/echo").want(status(202), rawReply(), body("")),
				send(http.MethodOptions, "/echo", "").want(status(202), rawReply(), body(""))),
			it("answers under every path below its own",
				post("/echo/", "x").want(status(202), rawReply(), body("x")),
				post("/echo/some/where?a=b", "x").want(status(202), rawReply(), body("x"))),
			it("answers at /api/echo as well",
				post("/api/echo", "hello").want(status(202), rawReply(), body("hello")),
				post("/api/echo/", "hello").want(status(202), rawReply(), body("hello")),
				post("/api/echo/some/where", "hello").want(status(202), rawReply(), body("hello"))),
		}},
		{Name: "echo of backends", Routes: routes, Needs: needs, Settings: []string{
			"--http-client-timeout=1s",
			"--backend-url=${backend}/body", "--backend-url=${backend}/json", "--backend-url=${backend}/empty",
			"--backend-url=${backend}/teapot", "--backend-url=http://127.0.0.1:1/refused", "--backend-url=${backend}/hang",
			"--backend-url=http://%zz/unparsable", "--backend-url=http://:bad:/url,${backend}/body",
		}, Cases: []Case{
			it("answers for each of them, in their order", post("/echo", "payload").
				want(status(200), jsonReply(), header("X-Color", "#34577c"), answersOfBackends("payload"))),
			it("answers the same at /api/echo, and sends an empty body on",
				get("/api/echo/somewhere").want(status(200), jsonReply(), answersOfBackends(""))),
		}},
		{Name: "echo of failing backends", Routes: routes, Needs: needs, Settings: []string{
			"PODINFO_BACKEND_URL=${backend}/teapot,http://127.0.0.1:1/",
		}, Cases: []Case{
			it("answers 200 even so", post("/echo", "x").want(status(200), jsonReply(),
				contains("backend ${backend}/teapot response status code 418", "backend http://127.0.0.1:1/ call failed "))),
		}},
		{Name: "echo of two backends at once", Routes: routes, Needs: needs, Settings: []string{
			"--backend-url=${backend}/meet", "--backend-url=${backend}/meet", "--http-client-timeout=10s",
		}, Cases: []Case{
			it("asks them side by side", post("/echo", "x").want(status(200), jsonIs(`["met", "met"]`))),
		}},
		{Name: "echo to a backend", Routes: routes, Needs: needs,
			Settings: []string{"--backend-url=${backend}/request"}, Cases: []Case{
				it("posts the body, whatever the method was",
					send(http.MethodPut, "/echo", "payload").want(status(200), seen(func(at seenByBackend) error {
						return errors.Join(differ("the method", at.Method, "POST"), differ("the body", at.Body, "payload"))
					}))),
				it("hands on the headers of a trace", tracedEcho().want(status(200), seen(carriesTrace))),
				it("tells who calls", get("/version").want(status(200), save("version", "version"), save("commit", "commit")),
					post("/echo", "x").want(status(200), contains(`X-Api-Version\":[\"${version}\"]`,
						`X-Api-Revision\":[\"${commit}\"]`))),
				it("hands on nothing else", post("/echo", "x").with("Authorization", "Bearer secret").
					with("Cookie", "a=b").with("Content-Type", "text/html").with("X-Private", "1").
					with("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").
					want(status(200), seen(carriesNothingElse))),
			}},
	}
}

// answersOfBackends checks the list of what the backends of the group "echo of backends" answered to payload.
func answersOfBackends(payload string) check {
	exactly := func(want string) func(string) bool { return func(got string) bool { return got == want } }
	between := func(start, end string) func(string) bool {
		return func(got string) bool { return strings.HasPrefix(got, start) && strings.HasSuffix(got, end) }
	}
	return func(x *exchange) error {
		var got []string
		if err := json.Unmarshal(x.body, &got); err != nil {
			return fmt.Errorf("the body is not a list of strings: %w", err)
		}
		stub := x.backend
		wanted := []func(string) bool{
			exactly(payload),
			exactly(`{"a": [1, "b"]}`),
			exactly(""),
			exactly("backend " + stub + "/teapot response status code 418"),
			between("backend http://127.0.0.1:1/refused call failed ", "connection refused"),
			between("backend "+stub+"/hang call failed ", "context deadline exceeded"),
			between("backend http://%zz/unparsable call failed ", ""),
			between("backend http://:bad:/url call failed ", ""),
			exactly(payload),
		}
		if len(got) != len(wanted) {
			return fmt.Errorf("there are %d answers, want one for each of the %d backends", len(got), len(wanted))
		}
		for i, matches := range wanted {
			if !matches(got[i]) {
				return fmt.Errorf("the answer of backend %d is wrong: %q", i+1, got[i])
			}
		}
		return fasterThan(20 * time.Second)(x)
	}
}

// seen checks what the stub saw of the request.
func seen(look func(seenByBackend) error) check {
	return func(x *exchange) error {
		var list []string
		if err := json.Unmarshal(x.body, &list); err != nil || len(list) != 1 {
			return errors.New("the body is not a list of one answer")
		}
		var at seenByBackend
		if err := json.Unmarshal([]byte(list[0]), &at); err != nil {
			return fmt.Errorf("the answer of the backend is not what it sent: %w", err)
		}
		return look(at)
	}
}

// traceHeaders are handed on to backends.
func traceHeaders() []string {
	return []string{
		"X-Request-Id", "X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-B3-Flags",
		"X-Ot-Span-Context",
	}
}

func tracedEcho() request {
	r := post("/echo", "x")
	for _, name := range traceHeaders() {
		r = r.with(name, "value of "+name)
	}
	return r
}

func carriesTrace(at seenByBackend) error {
	for _, name := range traceHeaders() {
		if err := differ("at the backend the header "+name, at.Header.Get(name), "value of "+name); err != nil {
			return err
		}
	}
	return nil
}

func carriesNothingElse(at seenByBackend) error {
	for _, name := range []string{"Authorization", "Cookie", "Content-Type", "X-Private", "Traceparent"} {
		if value := at.Header.Get(name); value != "" {
			return fmt.Errorf("the backend got the header %s: %q, which is none of its business", name, value)
		}
	}
	return nil
}
