package conformance

// prefixes are about servers whose API is not at the root of their address.
func prefixes() []Group {
	const theme = "prefix of all paths"
	under := func(prefix string, c Case) Group {
		return Group{
			Name: "prefix " + `"` + prefix + `"`, Theme: theme, Settings: []string{"--prefix=" + prefix}, Cases: []Case{c},
		}
	}
	normalized := func(prefix, path string) Group {
		return under(prefix, it("is the same as "+path,
			get(path+"/version").at(root).want(status(200), textKeys("commit", "version"))))
	}
	atRoot := func(prefix string) Group {
		return under(prefix, it("is none", get("/version").at(root).want(status(200), textKeys("commit", "version")),
			get("/swagger.json").at(root).want(status(200), fieldIs("basePath", "/"))))
	}
	return []Group{
		{Name: "prefix", Theme: theme, Settings: []string{"--prefix=/p", "--cache-server=memory://"}, Cases: []Case{
			it("holds for every route",
				get("/p/version").at(root).want(status(200), textKeys("commit", "version")),
				get("/p/api/info").at(root).want(status(200), infoObject()),
				get("/p/healthz").at(root).want(status(200), jsonIs(isOK)),
				get("/p/readyz").at(root).want(status(200), jsonIs(isOK)),
				post("/p/echo/x", "x").at(root).want(status(202), body("x")),
				post("/p/api/echo", "x").at(root).want(status(202), body("x")),
				get("/p/env").at(root).want(status(200), variables()),
				get("/p/status/418").at(root).want(status(418), jsonIs(`{"status": 418}`)),
				get("/p/chunked/0").at(root).want(status(200), jsonValue(`{"delay": 0}`)),
				put("/p/cache/x", "x").at(root).want(status(202), body("")),
				get("/p/cache/x").at(root).want(status(200), body("x")),
				post("/p/token", "").at(root).want(issued("anonymous")),
				get("/p/metrics").at(root).want(status(200), contains("http_requests_total"))),
			it("is part of the paths that the server tells",
				get("/p/swagger.json").at(root).want(status(200), fieldIs("basePath", "/p")),
				get("/p/swagger/").at(root).want(status(301), header("Location", "/p/swagger/index.html"))).needs(OwnPath),
			it("has the index with and without a final slash",
				get("/p").at(root).want(status(200), infoObject()),
				get("/p/").at(root).want(status(200), infoObject())),
			it("shows the page to browsers", get("/p/").at(root).with("User-Agent", mozilla).
				want(status(200), contentType("text/html; charset=utf-8"), shows("/p"))),
			it("leaves nothing outside", get("/").at(root).want(isNotFound()), get("/version").at(root).want(isNotFound()),
				get("/healthz").at(root).want(isNotFound()), get("/readyz").at(root).want(isNotFound()),
				get("/metrics").at(root).want(isNotFound()), get("/swagger.json").at(root).want(isNotFound()),
				get("/ws/echo").at(root).want(isNotFound())),
			it("is a whole segment", get("/pversion").at(root).want(isNotFound()), get("/px").at(root).want(isNotFound())),
			it("holds for the websocket", talking(sayText("hello"), hearEcho(`"hello"`)).at(root).under("/p")).needs(WebSocket),
			it("is part of the names in the metrics",
				get("/p/version").at(root).want(status(200), textKeys("commit", "version")),
				get("/p/").at(root).want(status(200), infoObject()),
				get("/p/status/200").at(root).want(status(200), jsonIs(`{"status": 200}`)),
				get("/p/delay/0").at(root).want(status(200), jsonIs(`{"delay": 0}`)),
				get("/p/store/0123456789012345678901234567890123456789").at(root).want(errorObject(404)),
				get("/p/cache/nothing").at(root).want(status(404), body("")),
				get("/p/metrics").at(root).soon(metricsDelay).want(status(200), measured("p_version", "p", "status", "delay",
					"store", "cache"))),
			it("does not move what is spared by faults",
				post("/p/fault_injection/enable", "").at(root).want(status(202), jsonIs(enabled)),
				get("/p/version").at(root).want(status(500)), get("/p/healthz").at(root).want(status(200), jsonIs(isOK)),
				get("/p/metrics").at(root).want(status(200), contains("http_requests_total")),
				post("/p/fault_injection/disable", "").at(root).want(status(202), jsonIs(disabled))),
			it("does not move the metrics port", get("/metrics").at(telemetry).
				want(status(200), contains("http_requests_total")), get("/healthz").at(telemetry).want(status(200), body("OK")),
				get("/p/metrics").at(telemetry).want(status(404))).needs(MetricsWeb),
			it("does not move the profiles", get("/debug/pprof/cmdline").at(telemetry).want(status(200), notEmpty())).
				needs(MetricsWeb).differs("has profiles nowhere"),
			it("does not move gRPC", calling("echo.EchoService/Echo", `{"body": "x"}`).want(ok(`{"body": "x"}`))).needs(GRPC),
		}},
		normalized("api/", "/api"),
		normalized("/a//b/../c", "/a/c"),
		normalized("  /spaced ", "/spaced"),
		normalized("/deep/er/", "/deep/er"),
		atRoot("/"), atRoot("."), atRoot(" "),
	}
}
