package conformance

import "time"

const (
	isOK     = `{"status": "OK"}`
	enabled  = `{"fault_injection": "enabled"}`
	disabled = `{"fault_injection": "disabled"}`
)

// probes are liveness and readiness with their switches.
func probes() []Group {
	const noSuchRoute = "has no such route"
	ready := get("/readyz").want(status(200), jsonIs(isOK))
	unready := get("/readyz").want(status(503), body(""))
	return []Group{
		{Name: "healthz", Routes: []string{"/healthz"}, Cases: []Case{
			it("is OK", get("/healthz").want(status(200), jsonReply(), body("{\n  \"status\": \"OK\"\n}"))),
		}},
		{Name: "readyz", Routes: []string{"/readyz", "/readyz/enable", "/readyz/disable"}, Cases: []Case{
			it("is OK", get("/readyz").want(status(200), jsonReply(), body("{\n  \"status\": \"OK\"\n}"))).alone(),
			it("can be switched off and on again", ready,
				post("/readyz/disable", "").want(status(202), body("")), unready,
				get("/healthz").want(status(200), jsonIs(isOK)),
				post("/readyz/disable", "").want(status(202), body("")), unready,
				post("/readyz/enable", "").want(status(202), body("")), ready,
			).needs(Switches).alone().finally(post("/readyz/enable", "")),
		}},
		{Name: "liveness without a z", Routes: []string{"/health/live"}, Cases: []Case{
			it("is OK", get("/health/live").want(status(200), jsonReply(), body("{\n  \"status\": \"OK\"\n}"))).
				differs(noSuchRoute),
		}},
		{Name: "readiness without a z", Routes: []string{"/health/ready"}, Cases: []Case{
			it("follows the switch of readiness", get("/health/ready").want(status(200), jsonReply(), jsonIs(isOK)),
				post("/readyz/disable", "").want(status(202)), get("/health/ready").want(status(503), body("")),
				get("/health/live").want(status(200), jsonIs(isOK)),
				post("/readyz/enable", "").want(status(202)), get("/health/ready").want(status(200), jsonIs(isOK)),
			).needs(Switches).alone().finally(post("/readyz/enable", "")).differs(noSuchRoute),
			it("is spared by faults", post("/fault_injection/enable", "").want(status(202)),
				get("/health/live").want(status(200), jsonIs(isOK)), get("/health/ready").want(status(200), jsonIs(isOK)),
				post("/fault_injection/disable", "").want(status(202)),
			).needs(Switches).alone().finally(post("/fault_injection/disable", "")).differs(noSuchRoute),
		}},
		{Name: "unhealthy", Routes: []string{"/healthz"}, Settings: []string{"--unhealthy"}, Cases: []Case{
			it("is not alive, and works", get("/healthz").want(status(503), body("")), ready,
				get("/version").want(status(200), textKeys("commit", "version"))),
		}},
		{Name: "unready", Routes: []string{"/readyz", "/readyz/enable"}, Settings: []string{"--unready"}, Cases: []Case{
			it("is not ready, and works", unready, get("/healthz").want(status(200), jsonIs(isOK)),
				get("/version").want(status(200), textKeys("commit", "version"))),
			it("gets ready when switched on", post("/readyz/enable", "").want(status(202), body("")), ready).needs(Switches),
		}},
		{Name: "panic", Routes: []string{"/panic"}, Fresh: true, Needs: []Capability{Panic, Exit}, Cases: []Case{
			it("ends the process", step(noSuccess(get("/panic"))), exits(255)),
		}},
		{Name: "panic on the wire", Routes: []string{"/panic"}, Fresh: true, Needs: []Capability{Panic}, Cases: []Case{
			it("gives no answer", step(noAnswer(get("/panic")))).needs(RawHTTP),
		}},
		{Name: "panic that is withheld", Routes: []string{"/panic"}, Cases: []Case{
			it("says why", get("/panic").want(errorObject(501)), get("/version").want(status(200))).withheld(Panic),
		}},
	}
}

// faults are what a server does wrong on demand.
func faults() []Group {
	const theme = "random delays and errors"
	injected := all(status(500), body(`{"status":"fault injection enabled"}`+"\n"))
	hits := func(r request) Step { return r.want(injected) }
	off := post("/fault_injection/disable", "").want(status(202), jsonIs(disabled))
	on := post("/fault_injection/enable", "").want(status(202), jsonIs(enabled))
	none := get("/version").want(status(200), textKeys("commit", "version"))
	return []Group{
		{Name: "fault injection", Needs: []Capability{Switches},
			Routes: []string{"/fault_injection/status", "/fault_injection/enable", "/fault_injection/disable"},
			Cases: []Case{
				it("can be switched on and off", on, get("/fault_injection/status").want(status(200), jsonIs(enabled)),
					hits(get("/version")), off, get("/fault_injection/status").want(status(200), jsonIs(disabled)), none,
				).alone().finally(off),
				it("hits every other route", on, hits(get("/")), hits(get("/api/info")), hits(post("/echo", "x")),
					hits(get("/env")), hits(get("/headers")), hits(get("/configs")), hits(get("/status/204")),
					hits(get("/delay/0")), hits(get("/chunked/0")), hits(post("/token", "")), hits(get("/token/validate")),
					hits(post("/store", "x")), hits(get("/cache/x")), hits(get("/ws/echo")), hits(get("/swagger.json")),
					off, none).alone().finally(off),
				it("hits the switches of readiness", on, hits(post("/readyz/disable", "")), hits(post("/readyz/enable", "")),
					get("/readyz").want(status(200), jsonIs(isOK)), off, none).alone().finally(off),
				it("spares the probes and itself", on, get("/healthz").want(status(200), jsonIs(isOK)),
					get("/readyz").want(status(200), jsonIs(isOK)),
					get("/fault_injection/status").want(status(200), jsonIs(enabled)), off).alone().finally(off),
				it("spares the metrics", on, get("/metrics").want(status(200), contains("http_requests_total")), off).
					alone().finally(off),
				it("leaves 404 and 405 alone", on, get("/nothing").want(isNotFound()),
					remove("/version").want(status(405), body("")), off).alone().finally(off),
				it("says that its answer is JSON", on,
					get("/version").want(injected, contentType("application/json; charset=utf-8")), off).
					alone().finally(off).differs("calls it text/plain"),
			}},
		{Name: "random delay", Theme: theme, Settings: []string{
			"--random-delay", "--random-delay-unit=ms", "--random-delay-min=4000", "--random-delay-max=4000",
		}, Cases: []Case{
			it("waits before it answers",
				get("/version").want(status(200), textKeys("commit", "version"), slowerThan(4*time.Second))).
				differs("fails on every request when both bounds are the same"),
			it("spares the probes and the switches", get("/healthz").want(status(200), jsonIs(isOK), fasterThan(3*time.Second)),
				get("/readyz").want(status(200), jsonIs(isOK), fasterThan(3*time.Second)),
				post("/fault_injection/disable", "").want(status(202), jsonIs(disabled), fasterThan(3*time.Second))).
				differs("delays the probes, too"),
			it("spares the metrics",
				get("/metrics").want(status(200), contains("http_requests_total"), fasterThan(3*time.Second))).
				differs("delays the metrics, too"),
		}},
		{Name: "random error", Theme: theme, Settings: []string{"--random-error"}, Cases: []Case{
			it("fails one request in three in one of three ways", step(randomErrors)),
			it("spares the probes, the switches and the metrics", step(noRandomErrors)).
				differs("lets the probes fail, too"),
		}},
	}
}
