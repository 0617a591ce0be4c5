package handlers

import (
	"net/http"
	"slices"
	"strings"
)

// route is one row of the API: a path, the methods it takes and what serves it.
type route struct {
	path    string // a gorilla/mux template; a trailing * stands for anything below
	methods []string
	serve   func(*API, http.ResponseWriter, *http.Request)

	name   string     // the metrics' path label, whatever the prefix; empty = made from label or path
	label  string     // the template the label is made from, when it is not path
	needs  Capability // empty = nothing that a platform could lack
	guard  bool       // refused where the API is read-only
	admin  bool       // for those who show the admin token; refused where the API is read-only too
	shield bool       // probes, metrics and fault switches are never hit by an injected fault
}

// The methods of a route. Wherever GET works HEAD does (RFC 9110 §9.3.2). A nil list takes any method token.
var (
	get        = []string{http.MethodGet, http.MethodHead}
	getPost    = []string{http.MethodGet, http.MethodHead, http.MethodPost}
	getPostPut = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut}
	post       = []string{http.MethodPost}
	postPut    = []string{http.MethodPost, http.MethodPut}
	remove     = []string{http.MethodDelete}
	anyMethod  []string
)

// routes is the API, in alphabetical order. The router, the metrics' path labels, the Allow header, the 501s and the
// test of the API documents all read it; nobody repeats a path.
var routes = []route{
	{path: "/", methods: get, serve: (*API).index},
	{path: "/api/echo", methods: anyMethod, serve: (*API).echo},
	{path: "/api/echo/*", methods: anyMethod, serve: (*API).echo},
	{path: "/api/info", methods: get, serve: (*API).info},
	{path: "/cache/{key}", methods: get, serve: (*API).readCache, name: "cache", needs: Cache},
	{path: "/cache/{key}", methods: postPut, serve: (*API).writeCache, needs: Cache},
	{path: "/cache/{key}", methods: remove, serve: (*API).deleteCache, needs: Cache},
	{path: "/chunked", methods: anyMethod, serve: (*API).chunked, needs: Streaming},
	{path: "/chunked/{wait:[0-9]+}", methods: anyMethod, serve: (*API).chunked, label: "/chunked", needs: Streaming},
	{path: "/configs", methods: get, serve: (*API).configs},
	{path: "/delay/{wait:[0-9]+}", methods: get, serve: (*API).delay, name: "delay"},
	{path: "/echo", methods: anyMethod, serve: (*API).echo},
	{path: "/echo/*", methods: anyMethod, serve: (*API).echo},
	{path: "/env", methods: getPost, serve: (*API).env},
	{path: "/fault_injection/disable", methods: post, serve: (*API).disableFaults, shield: true, guard: true},
	{path: "/fault_injection/enable", methods: post, serve: (*API).enableFaults, shield: true, guard: true},
	{path: "/fault_injection/status", methods: get, serve: (*API).faultStatus, shield: true},
	{path: "/headers", methods: getPost, serve: (*API).headers},
	{path: "/health/live", methods: get, serve: (*API).healthz, shield: true},
	{path: "/health/ready", methods: get, serve: (*API).readyz, shield: true},
	{path: "/healthz", methods: get, serve: (*API).healthz, shield: true},
	{path: "/metrics", methods: anyMethod, serve: (*API).metrics, shield: true, needs: LocalMetric},
	{path: "/openapi.json", methods: get, serve: (*API).openAPI},
	{path: "/panic", methods: get, serve: (*API).panic, needs: Exit, guard: true},
	{path: "/plugins", methods: get, serve: (*API).listPlugins, needs: Plugins},
	{path: "/plugins/{name}", methods: get, serve: (*API).readPlugin, needs: Plugins},
	{path: "/plugins/{name}", methods: remove, serve: (*API).deletePlugin, needs: Plugins, admin: true},
	{path: "/plugins/{name}/decode", methods: post, serve: (*API).decodeWithPlugin, needs: Plugins},
	{path: "/plugins/{name}/encode", methods: post, serve: (*API).encodeWithPlugin, needs: Plugins},
	{path: "/plugins/{name}/kill", methods: post, serve: (*API).killPlugin, needs: Plugins, admin: true},
	{path: "/plugins/{name}/reload", methods: post, serve: (*API).reloadPlugin, needs: Plugins, admin: true},
	{path: "/plugins/{name}/start", methods: post, serve: (*API).startPlugin, needs: Plugins, admin: true},
	{path: "/readyz", methods: get, serve: (*API).readyz, shield: true},
	{path: "/readyz/disable", methods: post, serve: (*API).disableReady, guard: true},
	{path: "/readyz/enable", methods: post, serve: (*API).enableReady, guard: true},
	{path: "/status/{code:[0-9]+}", methods: getPostPut, serve: (*API).status, name: "status"},
	{path: "/store", methods: postPut, serve: (*API).writeStore, needs: Filesystem},
	{path: "/store/{hash}", methods: get, serve: (*API).readStore, name: "store", needs: Filesystem},
	{path: "/swagger.json", methods: anyMethod, serve: (*API).swagger},
	{path: "/swagger/*", methods: anyMethod, serve: (*API).swaggerUI},
	{path: "/token", methods: post, serve: (*API).issueToken},
	{path: "/token/validate", methods: get, serve: (*API).validateToken},
	{path: "/ui/{file}", methods: get, serve: (*API).asset, label: "/ui"},
	{path: "/version", methods: get, serve: (*API).version},
	{path: "/ws/echo", methods: anyMethod, serve: (*API).websocket, needs: Websocket},
}

// Route describes a route of the API to a reader outside the package: documents, tests and reports.
type Route struct {
	Path    string   // the template, with names but without patterns, such as /cache/{key}
	Methods []string // nil = any
	Needs   Capability
}

// Routes lists the API in the order of its table, without prefix.
func Routes() []Route {
	list := make([]Route, len(routes))
	for i, rt := range routes {
		list[i] = Route{Path: plainTemplate(rt.path), Methods: slices.Clone(rt.methods), Needs: rt.needs}
	}
	return list
}

// plainTemplate drops the patterns from a template: /delay/{wait:[0-9]+} becomes /delay/{wait}.
func plainTemplate(path string) string {
	open := strings.IndexByte(path, ':')
	if open < 0 {
		return path
	}
	return path[:open] + path[strings.LastIndexByte(path, '}'):]
}

// pattern tells whether the path has variables, or anything below it.
func (rt route) pattern() bool { return strings.ContainsAny(rt.path, "{*") }

// metricLabel is the route's value of the metrics' path label under prefix: its name if it has one, else its
// template, which telemetry normalises.
func (rt route) metricLabel(prefix string) string {
	if rt.name != "" {
		return rt.name
	}
	template := rt.path
	if rt.label != "" {
		template = rt.label
	}
	return prefix + plainTemplate(template)
}
