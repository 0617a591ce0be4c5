package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// literal holds the endpoints of one path without variables, by method. any serves the methods that are not listed.
type literal struct {
	byMethod map[string]http.Handler
	any      http.Handler
}

// dispatch finds the endpoint of a request. A path without variables is looked up in a map, which costs a fraction of
// the router's walk over its patterns; gorilla/mux stays the authority for everything else: patterns, prefixes, path
// cleaning, 404 and 405.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request) {
	l := a.literals[r.URL.Path]
	if l == nil && !strings.HasPrefix(r.URL.Path, "/") { // "*", or CONNECT without a path: the router would redirect it
		a.notFound.ServeHTTP(w, r)
		return
	}
	if l == nil {
		a.router.ServeHTTP(w, r)
		return
	}
	if h := l.byMethod[r.Method]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	if l.any != nil {
		l.any.ServeHTTP(w, r)
		return
	}
	a.wrong.ServeHTTP(w, r)
}

// register fills the router and the table of literal paths from the route table. Patterns go in first: the router
// tries its routes in order, and a literal path never gets that far.
func (a *API) register() {
	a.router = mux.NewRouter()
	a.literals = make(map[string]*literal)
	a.notFound = a.unmatched(http.NotFoundHandler())
	a.wrong = a.unmatched(http.HandlerFunc(a.methodNotAllowed))
	a.router.NotFoundHandler = a.notFound
	a.router.MethodNotAllowedHandler = a.wrong

	var plain []route
	for _, rt := range routes {
		if strings.ContainsAny(rt.path, "{*") {
			a.registerPattern(rt, a.endpoint(rt))
			continue
		}
		plain = append(plain, rt)
	}
	for _, rt := range plain {
		h := a.endpoint(rt)
		for _, path := range a.paths(rt) {
			attach(a.router.Path(path), rt.methods, h)
			a.addLiteral(path, rt.methods, h)
		}
	}
}

func (a *API) registerPattern(rt route, h http.Handler) {
	if below, ok := strings.CutSuffix(rt.path, "*"); ok {
		attach(a.router.PathPrefix(a.deps.Prefix+below), rt.methods, h)
		return
	}
	attach(a.router.Path(a.deps.Prefix+rt.path), rt.methods, h)
}

// attach completes a route of the router. No methods means any.
func attach(r *mux.Route, methods []string, h http.Handler) {
	if methods != nil {
		r.Methods(slices.Clone(methods)...) // mux writes to what it is given, and the table is everyone's
	}
	r.Handler(h)
}

// paths are the full paths of a route without variables. Under a prefix the root answers with and without its slash.
func (a *API) paths(rt route) []string {
	if rt.path == "/" && a.deps.Prefix != "" {
		return []string{a.deps.Prefix, a.deps.Prefix + "/"}
	}
	return []string{a.deps.Prefix + rt.path}
}

func (a *API) addLiteral(path string, methods []string, h http.Handler) {
	l := a.literals[path]
	if l == nil {
		l = &literal{byMethod: make(map[string]http.Handler)}
		a.literals[path] = l
	}
	if methods == nil {
		l.any = h
		return
	}
	for _, m := range methods {
		l.byMethod[m] = h
	}
}

// methodNotAllowed answers 405 with the methods that the path takes, as RFC 9110 §15.5.6 demands.
func (a *API) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", strings.Join(a.allowed(r), ", "))
	w.WriteHeader(http.StatusMethodNotAllowed)
}

// allowed asks the router which methods it would have taken for the request's path.
func (a *API) allowed(r *http.Request) []string {
	var methods []string
	probe := *r
	for _, m := range []string{
		http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
	} {
		probe.Method = m
		var match mux.RouteMatch
		if a.router.Match(&probe, &match) && match.MatchErr == nil {
			methods = append(methods, m)
		}
	}
	return methods
}
