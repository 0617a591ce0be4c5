package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// documents describe the API.
func documents() []Group {
	return []Group{
		{Name: "swagger.json", Routes: []string{"/swagger.json"}, Cases: []Case{
			it("is a Swagger 2.0 document of this API", get("/swagger.json").
				want(status(200), isDocument("swagger", "2.0"))),
			it("names the path that its routes start with", get("/swagger.json").want(status(200), basePath())).needs(OwnPath),
			it("says that it is JSON", get("/swagger.json").
				want(status(200), contentType("application/json; charset=utf-8"), isDocument("swagger", "2.0"))).
				differs("calls it text/plain"),
			it("answers any usual method", post("/swagger.json", "x").want(status(200), isDocument("swagger", "2.0"))),
		}},
		{Name: "openapi.json", Routes: []string{"/openapi.json"}, Cases: []Case{
			it("is an OpenAPI 3 document of this API", get("/openapi.json").want(status(200),
				contentType("application/json; charset=utf-8"), isDocument("openapi", `3\.\d+\.\d+`))).differs("has no such route"),
		}},
		{Name: "swagger", Routes: []string{"/swagger/*"}, Cases: []Case{
			it("redirects to its page", get("/swagger/").
				want(status(301), header("Location", "${base}/swagger/index.html"))).needs(OwnPath),
			it("shows a page", get("/swagger/index.html").want(status(200), media("text/html"), notEmpty())),
			it("needs nothing from elsewhere", get("/swagger/index.html").
				want(status(200), media("text/html"), selfContained())),
			it("has the document under its own path, too", get("/swagger/doc.json").want(status(200),
				media("application/json"), isDocument("swagger", "2.0"))),
			it("has the same document there", get("/swagger.json").want(status(200), func(x *exchange) error {
				return get("/swagger/doc.json").want(status(200), jsonValue(string(x.body))).do(x.session)
			}, isDocument("swagger", "2.0"))),
			it("has nothing else", get("/swagger/nothing.html").want(status(404), contains("Not Found"))),
		}},
		{Name: "pprof", Theme: "404 and 405", Cases: []Case{
			it("is not on the public address", get("/debug/pprof/").want(isNotFound()),
				get("/debug/pprof/heap").want(isNotFound()), get("/debug/pprof/cmdline").want(isNotFound()),
				get("/debug/pprof").want(isNotFound())).differs("shows profiles to everybody"),
		}},
	}
}

// isDocument checks that the body is a document about an API, of a version that matches all of pattern.
func isDocument(kind, pattern string) check {
	return all(field(kind, pattern), func(x *exchange) error {
		var document struct {
			Info  struct{ Title string }
			Paths map[string]any
		}
		if err := json.Unmarshal(x.body, &document); err != nil {
			return fmt.Errorf("the body is not a document: %w", err)
		}
		if document.Info.Title == "" {
			return errors.New("the document has no title")
		}
		for _, path := range []string{"/api/info", "/version", "/healthz"} {
			if _, described := document.Paths[path]; !described {
				return fmt.Errorf("the document does not describe %s", path)
			}
		}
		return nil
	})
}

// basePath checks that the document names the prefix of the API.
func basePath() check {
	return func(x *exchange) error {
		want := x.vars["base"]
		if want == "" {
			want = "/"
		}
		return fieldIs("basePath", want)(x)
	}
}

// selfContained checks that everything that a page loads comes from its own server, and is there. It loads as browsers
// do, which take compressed answers.
func selfContained() check {
	return func(x *exchange) error {
		loads := regexp.MustCompile(`(?i)<(?:script|link|img)[^>]*?\s(?:src|href)="?([^"\s>]+)`).
			FindAllStringSubmatch(string(x.body), -1)
		if len(loads) == 0 {
			return errors.New("the page loads nothing, not even its own script")
		}
		for _, load := range loads {
			file := load[1]
			if strings.HasPrefix(file, "data:") {
				continue
			}
			place, err := x.answer.Request.URL.Parse(file)
			if err != nil {
				return fmt.Errorf("the page loads %q: %w", file, err)
			}
			if place.Host != x.answer.Request.URL.Host {
				return fmt.Errorf("the page loads %s from elsewhere", file)
			}
			load := get(place.EscapedPath()).at(origin).with("Accept-Encoding", "gzip")
			if err := load.want(status(200), notEmpty()).do(x.session); err != nil {
				return fmt.Errorf("the page loads %s: %w", file, err)
			}
		}
		return nil
	}
}
