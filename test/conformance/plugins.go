package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// theAdmin is the token of those who may manage the plugins of the servers that these cases start.
const theAdmin = "conformance-admin"

// cborProgram is the plugin that they run. What it makes of values, RFC 8949 says.
const cborProgram = "plugins/protocol-grpc-cbor"

// {"a": [1, true, null, "é"]} as CBOR.
const cborObject = "\xa1\x61a\x84\x01\xf5\xf6\x62\xc3\xa9"

// plugins are programs that encode and decode values for a server.
func plugins() []Group {
	const established = "has no plugins"
	routes := []string{
		"/plugins", "/plugins/{name}", "/plugins/{name}/decode", "/plugins/{name}/encode", "/plugins/{name}/kill",
		"/plugins/{name}/reload", "/plugins/{name}/start",
	}
	needs := []Capability{Plugins, Files}
	settings := []string{"--plugins-path=${dir}", "--plugins-poll-interval=50ms"}
	managed := append(slices.Clip(settings), "PODINFO_PLUGIN_ADMIN_TOKEN="+theAdmin)
	groups := []Group{
		{Name: "plugins", Routes: routes, Needs: needs, Settings: managed, Programs: []string{cborProgram},
			Cases: append(conversions(), management()...)},
		{Name: "plugins without an operator", Routes: routes, Needs: needs, Settings: settings,
			Programs: []string{cborProgram}, Cases: []Case{
				it("convert values", pluginIsReady(), encodeJSON(`1`).want(status(200), body("\x01"))),
				it("are managed by nobody", everyOrder(errorObject(403, "--plugin-admin-token"))...),
			}},
		{Name: "plugins that are not configured", Routes: routes, Needs: []Capability{Plugins}, Fresh: true, Cases: []Case{
			it("are not there, and it says how to have them", get("/plugins").want(errorObject(501, "--plugins-path")),
				get("/plugins/cbor").want(errorObject(501, "--plugins-path")),
				encodeJSON(`1`).want(errorObject(501, "--plugins-path")),
				asAdmin(post("/plugins/cbor/kill", "")).want(errorObject(501, "--plugins-path"))),
			it("are not there over gRPC either", calling("plugin.PluginService/List", `{}`).want(code(codes.Unimplemented))).
				needs(GRPC),
		}},
		{Name: "plugins that are withheld", Routes: routes, Cases: []Case{
			it("says why", append(everyOrder(errorObject(501, "plugins are not possible")),
				get("/plugins").want(errorObject(501, "plugins are not possible")),
				get("/plugins/cbor").want(errorObject(501, "plugins are not possible")),
				encodeJSON(`1`).want(errorObject(501, "plugins are not possible")),
				post("/plugins/cbor/decode", "\x01").want(errorObject(501, "plugins are not possible")))...).withheld(Plugins),
		}},
		{Name: "gRPC plugins", Services: []string{"plugin.PluginService"}, Needs: []Capability{GRPC, Plugins, Files},
			Settings: managed, Programs: []string{cborProgram}, Cases: overGRPCToo()},
	}
	for _, g := range groups {
		for i := range g.Cases {
			g.Cases[i].Differs = established
		}
	}
	return groups
}

// pluginIsReady waits for the plugin.
func pluginIsReady() Step {
	return get("/plugins/cbor").soon(30*time.Second).want(status(200), fieldIs("name", "protocol-grpc-cbor"),
		fieldIs("transport", "grpc"), fieldIs("state", "ready"))
}

func encodeJSON(value string) request {
	return post("/plugins/cbor/encode", value).with("Content-Type", "application/json")
}

func decode(body string) request { return post("/plugins/cbor/decode", body) }

// asAdmin sends the token of an operator along.
func asAdmin(r request) request { return r.with("Authorization", "Bearer "+theAdmin) }

// everyOrder gives every order that an operator can give, to the same end.
func everyOrder(want check) []Step {
	return []Step{
		asAdmin(post("/plugins/cbor/kill", "")).want(want), asAdmin(post("/plugins/cbor/reload", "")).want(want),
		asAdmin(post("/plugins/cbor/start", "")).want(want), asAdmin(remove("/plugins/cbor")).want(want),
	}
}

// conversions are what everybody may do.
func conversions() []Case {
	const object = `{"a": [1, true, null, "é"]}`
	isObject := jsonIs(object)
	return []Case{
		it("loads what is in its directory", pluginIsReady(), get("/plugins").want(status(200), jsonReply(),
			contains(`"name": "protocol-grpc-cbor"`, `"state": "ready"`, `"content_type": "application/cbor"`))),
		it("knows a plugin by the whole name of its file", get("/plugins/protocol-grpc-cbor").
			want(status(200), jsonReply(), fieldIs("state", "ready"))),
		it("knows no other", get("/plugins/none").want(errorObject(404)),
			post("/plugins/none/decode", "x").want(errorObject(404))),
		it("encodes a value", encodeJSON(object).want(status(200), contentType("application/cbor"), nosniff(),
			header("Vary", "Accept"), body(cborObject))),
		it("encodes bytes", post("/plugins/cbor/encode", "\x00\xff").want(status(200), contentType("application/cbor"),
			body("\x42\x00\xff"))),
		it("gives bytes as JSON to those who ask for it", encodeJSON(object).with("Accept", "application/json").
			want(status(200), jsonIs(`"oWFhhAH19mLDqQ=="`))),
		it("decodes bytes", decode(cborObject).want(status(200), isObject)),
		it("decodes bytes that come as JSON", decode(`"oWFhhAH19mLDqQ=="`).with("Content-Type", "application/json").
			want(status(200), isObject)),
		it("keeps the digits of numbers", encodeJSON(`18446744073709551615`).
			want(status(200), body("\x1b\xff\xff\xff\xff\xff\xff\xff\xff")),
			encodeJSON(`-9223372036854775808`).want(status(200), body("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"))),
		it("refuses what is no JSON", encodeJSON(`{"a":`).want(errorObject(400)),
			encodeJSON(`{"a":1,"a":2}`).want(errorObject(400)), encodeJSON("").want(errorObject(400)),
			decode(`"!"`).with("Content-Type", "application/json").want(errorObject(400))),
		it("says what the plugin refuses", decode("\xff\xff").want(errorObject(422))),
		it("takes no other method", get("/plugins/cbor/encode").want(status(405), allow("POST")),
			put("/plugins/cbor", "").want(status(405), allow("DELETE", "GET", "HEAD"))),
		it("counts calls", get("/metrics").want(status(200), contains(`podinfo_plugin_up{plugin="protocol-grpc-cbor"} 1`,
			`podinfo_plugin_calls_total{method="encode",plugin="protocol-grpc-cbor",result="ok"}`))).needs(Metrics),
	}
}

// management is what operators may do. Each case leaves the plugin ready but the last, which ends it.
func management() []Case {
	return []Case{
		it("obeys operators only", post("/plugins/cbor/kill", "").want(errorObject(403, "Authorization: Bearer")),
			post("/plugins/cbor/reload", "").with("Authorization", "Bearer wrong").want(errorObject(403)),
			post("/plugins/cbor/start", "").with("Authorization", "Basic "+theAdmin).want(errorObject(403)),
			remove("/plugins/cbor").want(errorObject(403)), pluginIsReady()),
		it("kills a plugin, and starts it again",
			asAdmin(post("/plugins/cbor/kill", "")).want(status(200), jsonReply(), fieldIs("state", "stopped"), lacks(`"pid"`)),
			encodeJSON(`1`).want(errorObject(503), retryAfter()),
			asAdmin(post("/plugins/cbor/start", "")).want(status(200), jsonReply(), fieldIs("state", "ready")),
			encodeJSON(`1`).want(status(200), body("\x01"))),
		it("reloads a plugin", asAdmin(post("/plugins/cbor/reload", "")).want(status(200), jsonReply(),
			fieldIs("state", "ready"), contains(`"reloads": 1`)), encodeJSON(`1`).want(status(200), body("\x01"))),
		it("knows whom it can give no orders", asAdmin(post("/plugins/none/kill", "")).want(errorObject(404)),
			asAdmin(remove("/plugins/none")).want(errorObject(404))),
		it("deletes a plugin", asAdmin(remove("/plugins/cbor")).want(status(204), body("")),
			get("/plugins/cbor").soon(10*time.Second).want(errorObject(404)), get("/plugins").want(status(200), jsonIs(`[]`))),
	}
}

// retryAfter checks that the answer says in how many seconds another try is worth it (RFC 9110 section 10.2.3).
func retryAfter() check {
	return func(x *exchange) error {
		got := x.answer.Header.Get("Retry-After")
		seconds, err := strconv.Atoi(got)
		if err == nil && seconds > 0 {
			return nil
		}
		return differ("Retry-After", got, "a number of seconds from 1 up")
	}
}

// says checks that the reply holds text.
func says(text string) callCheck {
	return func(r *reply) error {
		if strings.Contains(r.message, text) {
			return nil
		}
		return fmt.Errorf("the reply is %s, want it to hold %q", r.message, text)
	}
}

// overGRPCToo is the same over gRPC.
func overGRPCToo() []Case {
	const service = "plugin.PluginService/"
	named := `{"name": "cbor"}`
	admin := func(method string) call {
		return calling(service+method, named).with("authorization", "Bearer "+theAdmin)
	}
	return []Case{
		it("loads what is in its directory", pluginIsReady(), calling(service+"Get", named).want(code(codes.OK),
			member("name", "protocol-grpc-cbor"), member("state", "ready"), member("transport", "grpc"))),
		it("lists it", calling(service+"List", `{}`).want(code(codes.OK), says("protocol-grpc-cbor"))),
		it("encodes and decodes", calling(service+"Encode", `{"name": "cbor", "value": {"json": "{\"a\":1}"}}`).
			want(code(codes.OK), member("content_type", "application/cbor")),
			calling(service+"Decode", `{"name": "cbor", "value": {"raw": "oWFhAQ=="}}`).
				want(code(codes.OK), member("content_type", "application/json"))),
		it("knows no other", calling(service+"Get", `{"name": "none"}`).want(code(codes.NotFound))),
		it("obeys operators only", calling(service+"Kill", named).want(code(codes.PermissionDenied)),
			calling(service+"Delete", named).with("authorization", "Bearer wrong").want(code(codes.PermissionDenied))),
		it("obeys operators", admin("Kill").want(code(codes.OK), member("state", "stopped")),
			calling(service+"Encode", `{"name": "cbor", "value": {"json": "1"}}`).want(code(codes.Unavailable)),
			admin("Start").want(code(codes.OK), member("state", "ready")),
			admin("Reload").want(code(codes.OK), member("state", "ready")), admin("Delete").want(code(codes.OK))),
	}
}
