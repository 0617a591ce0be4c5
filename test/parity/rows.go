package parity

import (
	"slices"
	"strings"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/test/conformance"
)

// row is one line of the matrix: what it is called, and which results are about it.
type row struct {
	name   string
	covers func(conformance.Result) bool
}

// section is a part of the matrix with a heading of its own.
type section struct {
	title string
	rows  []row
}

// sections are the lines of the whole matrix: every route as the table of routes has it, every gRPC service, and every
// theme of the conformance table that is about neither.
func sections(groups []conformance.Group) []section {
	return []section{
		{"Routes", routeRows(handlers.Routes())},
		{"gRPC services", serviceRows(conformance.Services())},
		{"What is about no single route", themeRows(groups)},
	}
}

func routeRows(routes []handlers.Route) []row {
	var rows []row
	for _, route := range routes {
		methods := strings.Join(route.Methods, ", ")
		if route.Methods == nil {
			methods = "any"
		}
		rows = append(rows, row{methods + " `" + route.Path + "`", aboutRoute(route)})
	}
	return rows
}

// aboutRoute tells which results are about a route. The groups of the table name paths; when the requests of a case
// show which methods of its paths it is about, it counts for these alone.
func aboutRoute(route handlers.Route) func(conformance.Result) bool {
	return func(r conformance.Result) bool {
		if !slices.Contains(r.Routes, route.Path) {
			return false
		}
		telling := false
		for _, request := range r.Requests {
			method, path, _ := strings.Cut(request, " ")
			if matches(route.Path, path) && (route.Methods == nil || slices.Contains(route.Methods, method)) {
				return true
			}
			telling = telling || slices.ContainsFunc(r.Routes, func(template string) bool { return matches(template, path) })
		}
		return !telling
	}
}

// matches tells whether a path is one of the template: {name} stands for one segment, a final * for anything.
func matches(template, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	if below, found := strings.CutSuffix(template, "*"); found {
		return strings.HasPrefix(path, below)
	}
	wanted, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(wanted, got, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, "{") && got != ""
	})
}

func serviceRows(services []string) []row {
	var rows []row
	for _, service := range services {
		rows = append(rows, row{"`" + service + "`", aboutService(service)})
	}
	return rows
}

// aboutService is aboutRoute for a gRPC service.
func aboutService(service string) func(conformance.Result) bool {
	calls := func(service string) func(string) bool {
		return func(request string) bool { return strings.HasPrefix(request, "CALL "+service+"/") }
	}
	return func(r conformance.Result) bool {
		if !slices.Contains(r.Services, service) {
			return false
		}
		telling := slices.ContainsFunc(r.Services, func(s string) bool { return slices.ContainsFunc(r.Requests, calls(s)) })
		return !telling || slices.ContainsFunc(r.Requests, calls(service))
	}
}

func themeRows(groups []conformance.Group) []row {
	var rows []row
	seen := map[string]bool{"": true}
	for _, g := range groups {
		if seen[g.Theme] {
			continue
		}
		seen[g.Theme] = true
		rows = append(rows, row{g.Theme, func(r conformance.Result) bool { return r.Theme == g.Theme }})
	}
	return rows
}
