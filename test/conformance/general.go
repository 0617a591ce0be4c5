package conformance

import "net/http"

// general are the rules that hold for every route.
func general() []Group {
	return []Group{
		{Name: "answers", Theme: "form of answers", Cases: []Case{
			it("indents JSON by two spaces and ends it without a newline",
				get("/version").want(status(200), jsonReply())),
			it("says how long a JSON answer is",
				get("/version").want(status(200), jsonReply(), sized())).needs(RawHTTP),
			it("escapes what HTML would read as markup inside JSON",
				get("/headers").with("X-Markup", "<a>&</a>").
					want(status(200), jsonReply(), contains(`\u003ca\u003e\u0026\u003c/a\u003e`))),
			it("names itself in no header",
				get("/version").want(status(200), jsonReply(),
					noHeader("X-Api-Version", "X-Api-Revision", "X-Powered-By"))),
			it("grants nothing to other origins",
				get("/version").with("Origin", "http://elsewhere.example").want(status(200), jsonReply(),
					noHeader("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")),
				send(http.MethodOptions, "/version", "").with("Origin", "http://elsewhere.example").
					with("Access-Control-Request-Method", "GET").
					want(status(405), noHeader("Access-Control-Allow-Origin", "Access-Control-Allow-Methods"))),
			it("compresses nothing but the metrics",
				get("/version").with("Accept-Encoding", "gzip").
					want(status(200), jsonReply(), noHeader("Content-Encoding")),
				post("/echo", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").with("Accept-Encoding", "gzip").
					want(status(202), filledBody(40), noHeader("Content-Encoding"))),
			it("carries the status of an error in the status line, too",
				get("/store/nothing").want(errorObject(400, "invalid hash"))).
				differs("answers 200 with the code in the body only"),
		}},
		{Name: "unknown paths", Theme: "404 and 405", Cases: []Case{
			unknown("/no-such-route"),
			unknown("/version/nothing"),
			unknown("/VERSION"),
			unknown("/Healthz"),
			unknown("/version/"),
			unknown("/configs/"),
			unknown("/api/info/"),
			unknown("/swagger.json/"),
			unknown("/metrics/"),
			unknown("/api"),
			unknown("/cache"),
			unknown("/cache/"),
			unknown("/cache/a/b"),
			unknown("/status/"),
			unknown("/swagger"),
			it("answers any method with 404",
				post("/no-such-route", "body").want(isNotFound()),
				remove("/no-such-route").want(isNotFound()),
				send(http.MethodOptions, "/no-such-route", "").want(isNotFound())),
		}},
		{Name: "paths", Theme: "odd paths", Cases: []Case{
			it("redirects a double slash to the clean path",
				get("//version").want(redirect("${base}/version"))).needs(AnyPath, OwnPath),
			it("redirects a dot to the clean path",
				get("/./version").want(redirect("${base}/version"))).needs(AnyPath, OwnPath),
			it("redirects two dots to the clean path",
				get("/a/../version").want(redirect("${base}/version"))).needs(AnyPath, OwnPath),
			it("never climbs out of the store",
				get("/store/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd").want(redirect("/etc/passwd")),
				get("/etc/passwd").at(root).want(isNotFound())).needs(AnyPath, OwnPath, RawPath),
			it("takes an escaped letter for the letter",
				get("/%76ersion").want(status(200), textKeys("commit", "version"))),
			it("takes an escaped slash for a slash",
				get("/cache/a%2Fb").want(isNotFound())),
		}},
		{Name: "methods", Theme: "404 and 405", Cases: wrongMethods()},
		{Name: "HEAD", Theme: "HEAD wherever GET is", Cases: headers()},
		{Name: "any method", Theme: "methods that nobody knows", Needs: []Capability{AnyMethod}, Cases: []Case{
			it("is taken by /echo", send("BREW", "/echo", "tea").want(status(202), rawReply(), body("tea"))),
			it("is taken by /api/echo/...",
				send("BREW", "/api/echo/cup", "tea").want(status(202), rawReply(), body("tea"))),
			it("is taken by /chunked/{seconds}",
				send("BREW", "/chunked/0", "").want(status(200), jsonValue(`{"delay": 0}`))),
			it("is taken by /swagger.json", send("BREW", "/swagger.json", "").want(status(200), contains(`"swagger"`))),
			it("is taken by /metrics",
				send("BREW", "/metrics", "").want(status(200), contains("http_requests_total"))),
			it("does not stand for GET elsewhere", send("BREW", "/version", "").want(notAllowed("GET", "HEAD"))).
				differs("names no allowed methods"),
		}},
	}
}

// isNotFound is the answer to a path that leads nowhere.
func isNotFound() check {
	return all(status(404), contentType("text/plain; charset=utf-8"), nosniff(), body("404 page not found\n"))
}

func unknown(path string) Case {
	return it("answers "+path+" with 404", get(path).want(isNotFound()))
}

func redirect(location string) check {
	return all(status(301), header("Location", location), body(""))
}

// notAllowed is the answer to a method that the route does not have.
func notAllowed(methods ...string) check {
	return all(status(405), allow(methods...), body(""))
}

// wrongMethods tries on every route with a list of methods one that is not on it. RFC 9110 section 15.5.6 demands that
// the answer says which ones are.
func wrongMethods() []Case {
	type routes []string
	table := []struct {
		allowed []string
		wrong   []string
		routes  routes
	}{
		{[]string{"GET", "HEAD"}, []string{"POST", "DELETE", "OPTIONS"}, routes{
			"/", "/version", "/api/info", "/configs", "/healthz", "/readyz", "/fault_injection/status", "/delay/0",
			"/token/validate", "/store/da39a3ee5e6b4b0d3255bfef95601890afd80709",
		}},
		{[]string{"GET", "HEAD", "POST"}, []string{"PUT", "OPTIONS"}, routes{"/env", "/headers"}},
		{[]string{"GET", "HEAD", "POST", "PUT"}, []string{"DELETE", "PATCH"}, routes{"/status/200"}},
		{[]string{"GET", "HEAD", "POST", "PUT", "DELETE"}, []string{"PATCH", "OPTIONS"}, routes{"/cache/${id}"}},
		{[]string{"POST", "PUT"}, []string{"GET", "HEAD", "DELETE"}, routes{"/store"}},
		{[]string{"POST"}, []string{"GET", "HEAD", "PUT"}, routes{
			"/token", "/readyz/enable", "/readyz/disable", "/fault_injection/enable", "/fault_injection/disable",
		}},
	}
	var cases []Case
	for _, row := range table {
		for _, route := range row.routes {
			var steps []Step
			for _, method := range row.wrong {
				steps = append(steps, send(method, route, "").want(notAllowed(row.allowed...)))
			}
			cases = append(cases, it("answers the wrong ones at "+route+" with 405 and the right ones", steps...).
				differs("names no allowed methods"))
		}
	}
	return append(cases,
		it("does not panic on POST", post("/panic", "").want(status(405), body(""), allowing("GET"))).
			differs("names no allowed methods"),
		it("keeps the documents to GET", post("/swagger/index.html", "").
			want(status(405), media("text/plain"), body("Method not allowed\n"))),
		it("names the methods of the documents", post("/swagger/index.html", "").
			want(status(405), allow("GET", "HEAD"))).differs("names no allowed methods"))
}

// allowing checks that a method is among those allowed.
func allowing(method string) check {
	return func(x *exchange) error {
		if err := allow(method)(x); err == nil {
			return nil
		}
		return allow(method, http.MethodHead)(x)
	}
}

// headers are the routes that answer GET, which must answer HEAD in the same way (RFC 9110 section 9.3.2).
func headers() []Case {
	established := "answers 405"
	asJSON := func(route string) Case {
		return it("works at "+route, head(route).want(status(200),
			contentType("application/json; charset=utf-8"), nosniff(), body(""))).differs(established)
	}
	return []Case{
		asJSON("/"), asJSON("/version"), asJSON("/api/info"), asJSON("/configs"), asJSON("/env"), asJSON("/headers"),
		asJSON("/healthz"), asJSON("/readyz"), asJSON("/fault_injection/status"), asJSON("/status/200"),
		asJSON("/delay/0"),
		it("works at /swagger.json", head("/swagger.json").
			want(status(200), contentType("application/json; charset=utf-8"), body(""))).
			differs("calls the document text/plain"),
		it("works at /swagger/index.html",
			head("/swagger/index.html").want(status(200), media("text/html"), body(""))).differs(established),
		it("works at /token/validate", head("/token/validate").
			want(status(401), given(Challenge, header("WWW-Authenticate", "Bearer")), body(""))).differs(established),
		it("carries the status of /status/{code}", head("/status/404").
			want(status(404), contentType("application/json; charset=utf-8"), body(""))).differs(established),
		it("works in the store", post("/store", "head ${id}").want(status(202), save("hash", "hash")),
			head("/store/${hash}").want(status(202), rawReply(), body(""))).differs(established),
		it("works in the cache", put("/cache/${id}", "value").want(status(202)),
			head("/cache/${id}").want(status(200), rawReply(), body("")),
			remove("/cache/${id}").want(status(202))).needs(Cache).differs(established),
		it("works at /echo", head("/echo").want(status(202), rawReply(), body(""))),
		it("works at /chunked/{seconds}", head("/chunked/0").want(status(200), nosniff(), body(""))),
		it("works at /metrics", head("/metrics").want(status(200), media("text/plain"), body(""))),
		it("tells the length that GET has", head("/version").want(status(200), func(x *exchange) error {
			length := x.answer.Header.Get("Content-Length")
			return get("/version").want(status(200), header("Content-Length", length), sized()).do(x.session)
		})).needs(RawHTTP).differs(established),
	}
}
