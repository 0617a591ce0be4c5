package handlers

import (
	"net/http"
	"slices"
	"strings"
	"sync"

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
		a.router().ServeHTTP(w, r)
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

// register makes every endpoint, and from those of paths without variables the table. The router gets them all, when
// it is first asked: the patterns that it compiles would be a good part of a cold start.
func (a *API) register() {
	a.literals = make(map[string]*literal)
	a.notFound = a.unmatched(http.NotFoundHandler())
	a.wrong = a.unmatched(http.HandlerFunc(a.methodNotAllowed))
	if reason, withheld := a.deps.Withheld[GRPC]; withheld {
		a.noGRPC = a.unmatched(http.HandlerFunc(notImplemented(reason)))
	}
	endpoints := make([]http.Handler, len(routes))
	for i, rt := range routes {
		endpoints[i] = a.endpoint(rt)
		if rt.pattern() {
			continue
		}
		for _, path := range a.paths(rt) {
			a.addLiteral(path, rt.methods, endpoints[i])
		}
	}
	a.router = sync.OnceValue(func() *mux.Router { return a.newRouter(endpoints) })
}

// newRouter makes the router of the whole API. Patterns go in first: it tries its routes in order, and a literal path
// rarely gets that far.
func (a *API) newRouter(endpoints []http.Handler) *mux.Router {
	r := mux.NewRouter()
	r.NotFoundHandler = a.notFound
	r.MethodNotAllowedHandler = a.wrong
	for _, patterns := range []bool{true, false} {
		for i, rt := range routes {
			if rt.pattern() != patterns {
				continue
			}
			for _, path := range a.paths(rt) {
				attach(match(r, path), rt.methods, endpoints[i])
			}
		}
	}
	return r
}

// match begins a route of the router. A trailing * stands for anything below.
func match(r *mux.Router, path string) *mux.Route {
	if below, ok := strings.CutSuffix(path, "*"); ok {
		return r.PathPrefix(below)
	}
	return r.Path(path)
}

// attach completes a route of the router. No methods means any.
func attach(r *mux.Route, methods []string, h http.Handler) {
	if methods != nil {
		r.Methods(slices.Clone(methods)...) // mux writes to what it is given, and the table is everyone's
	}
	r.Handler(h)
}

// paths are the full paths of a route. Under a prefix the root answers with and without its slash.
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
		if a.router().Match(&probe, &match) && match.MatchErr == nil {
			methods = append(methods, m)
		}
	}
	return methods
}
