package conformance

import (
	"net/http"
	"time"
)

// caching is the cache, which a target may have or not.
func caching() []Group {
	routes := []string{"/cache/{key}"}
	const in200 = "answers 200 or 404, with the code of an error in the body only"
	return []Group{
		{Name: "cache", Routes: routes, Needs: []Capability{Cache}, Cases: []Case{
			it("keeps what is put", put("/cache/${id}", "value").want(status(202), body("")),
				get("/cache/${id}").want(status(200), rawReply(), body("value"))).finally(remove("/cache/${id}")),
			it("keeps what is posted", post("/cache/${id}", "value").want(status(202), body("")),
				get("/cache/${id}").want(status(200), rawReply(), body("value"))).finally(remove("/cache/${id}")),
			it("keeps the last value", put("/cache/${id}", "one").want(status(202), body("")),
				put("/cache/${id}", "two").want(status(202), body("")),
				get("/cache/${id}").want(status(200), rawReply(), body("two"))).finally(remove("/cache/${id}")),
			it("keeps every byte", put("/cache/${id}", "\x00\x01\xff\xfe\r\n\"").want(status(202), body("")),
				get("/cache/${id}").want(status(200), rawReply(), body("\x00\x01\xff\xfe\r\n\""))).finally(remove("/cache/${id}")),
			it("keeps a MiB", put("/cache/${id}", "").filled(1<<20).want(status(202), body("")),
				get("/cache/${id}").want(status(200), rawReply(), filledBody(1<<20))).
				needs(MegaBody).finally(remove("/cache/${id}")),
			it("keeps an empty value", put("/cache/${id}", "").want(status(202), body("")),
				get("/cache/${id}").want(status(200), rawReply(), body(""))).finally(remove("/cache/${id}")),
			it("has nothing where nothing was put", get("/cache/${id}").want(status(404), body(""))),
			it("forgets what is deleted", put("/cache/${id}", "value").want(status(202), body("")),
				remove("/cache/${id}").want(status(202), body("")), get("/cache/${id}").want(status(404), body(""))),
			it("does not mind deleting nothing", remove("/cache/${id}").want(status(202), body(""))),
			it("unescapes keys", put("/cache/${id}%20%C3%A9%26", "value").want(status(202), body("")),
				get("/cache/${id}%20%c3%a9&").want(status(200), rawReply(), body("value")),
				get("/cache/${id}").want(status(404), body(""))).finally(remove("/cache/${id}%20%C3%A9%26")),
			it("never takes over the type of the request",
				put("/cache/${id}", "<b>").with("Content-Type", "text/html").want(status(202), body("")),
				get("/cache/${id}").want(status(200), rawReply(), body("<b>"))).finally(remove("/cache/${id}")),
			it("knows which servers are there", get("/api/info").
				want(status(200), save("hostname", "hostname"), save("version", "version")),
				get("/cache/${hostname}").soon(10*time.Second).want(status(200), rawReply(), body("${version}"))).
				needs(Background),
		}},
		{Name: "cache that is not configured", Routes: routes, Settings: []string{"--cache-server="}, Cases: []Case{
			it("is offline for readers", get("/cache/key").want(isOffline())).differs(in200),
			it("is offline for writers", put("/cache/key", "x").want(isOffline()),
				post("/cache/key", "x").want(isOffline()), remove("/cache/key").want(isOffline())).differs(in200),
			it("leaves the server ready", get("/readyz").want(status(200), jsonIs(isOK))),
		}},
		unreachable("that nobody serves", "--cache-server=tcp://127.0.0.1:1"),
		unreachable("without a scheme", "--cache-server=127.0.0.1:1"),
	}
}

// isOffline is the answer without a cache.
func isOffline() check { return errorObject(503, "cache server is offline") }

// unreachable is about a cache that is configured and cannot be had. The server runs on without it.
func unreachable(name, setting string) Group {
	const in200 = "answers 200, 400 or 404, with the code of an error in the body only"
	broken := func(words string) check {
		return func(x *exchange) error {
			if x.answer.StatusCode == http.StatusBadGateway {
				return errorObject(502, words)(x)
			}
			return errorObject(503, words)(x)
		}
	}
	return Group{Name: "cache " + name, Routes: []string{"/cache/{key}"}, Settings: []string{setting}, Cases: []Case{
		it("is an error for writers", put("/cache/key", "x").want(broken("cache set failed")),
			post("/cache/key", "x").want(broken("cache set failed"))).differs(in200),
		it("is an error for readers", get("/cache/key").want(broken(""))).differs(in200),
		it("is an error for those that delete", remove("/cache/key").want(broken(""))).differs(in200),
		it("leaves the server ready", get("/readyz").want(status(200), jsonIs(isOK))),
	}}
}
