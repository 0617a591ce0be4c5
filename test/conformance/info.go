package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

const mozilla = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// infoKeys are what a server says about itself.
func infoKeys() []string {
	return []string{
		"hostname", "version", "revision", "color", "logo", "message",
		"goos", "goarch", "runtime", "num_goroutine", "num_cpu",
	}
}

// infoObject checks the shape of what a server says about itself: the keys that all have, then those of its platform.
func infoObject() check {
	return func(x *exchange) error { return textKeys(append(infoKeys(), x.target.InfoKeys...)...)(x) }
}

// identity is what a server says about itself.
func identity() []Group {
	return []Group{
		{Name: "version", Routes: []string{"/version"}, Cases: []Case{
			it("answers with version and commit", get("/version").
				want(status(200), textKeys("commit", "version"), field("version", `\d+\.\d+\.\d+\S*`), field("commit", `\S+`))),
			it("agrees with /api/info", get("/api/info").
				want(status(200), save("version", "version"), save("revision", "revision")),
				get("/version").want(status(200), fieldIs("version", "${version}"), fieldIs("commit", "${revision}"))),
		}},
		{Name: "info", Routes: []string{"/api/info"}, Cases: []Case{
			it("has its keys in this order, all of them strings",
				get("/api/info").want(status(200), infoObject())),
			it("tells where it runs", get("/api/info").want(status(200),
				field("hostname", `\S+`), field("goos", `[a-z]+`), field("goarch", `[a-z0-9]+`),
				field("runtime", `go\d+\.\d+.*`), field("num_cpu", `[1-9]\d*`), field("num_goroutine", `[1-9]\d*`))),
			it("tells what it shows", get("/api/info").want(status(200),
				field("color", `\S+`), field("logo", `\S+`), field("message", `.+`))),
			it("does not mind a query", get("/api/info?a=1&b=2").want(status(200), infoObject())),
		}},
		{Name: "headers", Routes: []string{"/headers"}, Cases: []Case{
			it("shows the request's headers", get("/headers").with("X-One", "one, two").with("x-lOWER-case", "3").
				want(status(200), jsonReply(), inObject("X-One", `["one, two"]`), inObject("X-Lower-Case", `["3"]`))),
			it("keeps the lines by one name apart", get("/headers").with("X-Several", "one").with("X-Several", "two").
				want(status(200), jsonReply(), inObject("X-Several", `["one","two"]`))).needs(RepeatedHeader),
			it("shows what version answers", get("/version").
				want(status(200), save("version", "version"), save("commit", "commit")),
				get("/headers").want(status(200), jsonReply(),
					inObject("X-Api-Version", `["${version}"]`), inObject("X-Api-Revision", `["${commit}"]`))),
			it("does not show Host", get("/headers").want(status(200), jsonReply(), contains(`"X-Api-Version"`),
				lacks(`"Host"`))),
			it("is sorted", get("/headers").with("B-Header", "2").with("A-Header", "1").with("C-Header", "3").
				want(status(200), jsonReply(), sortedKeys())),
			it("answers POST as well", post("/headers", "ignored").with("X-One", "1").
				want(status(200), jsonReply(), inObject("X-One", `["1"]`))),
		}},
	}
}

// inObject checks that the answer's object has this JSON value under key.
func inObject(key, want string) check {
	return func(x *exchange) error {
		var object map[string]any
		if err := json.Unmarshal(x.body, &object); err != nil {
			return fmt.Errorf("the body is not a JSON object: %w", err)
		}
		return differ("the value of "+key, compact(object[key]), x.expand(want))
	}
}

func sortedKeys() check {
	return func(x *exchange) error {
		keys := regexp.MustCompile(`(?m)^  "([^"]+)":`).FindAllStringSubmatch(string(x.body), -1)
		byName := func(a, b []string) int { return strings.Compare(a[1], b[1]) }
		if len(keys) > 2 && slices.IsSortedFunc(keys, byName) {
			return nil
		}
		return errors.New("the keys are not sorted")
	}
}

// page is the answer at /.
func page() []Group {
	return []Group{
		{Name: "index", Routes: []string{"/"}, Cases: []Case{
			it("shows a page to browsers", get("/api/info").
				want(status(200), save("hostname", "hostname"), save("logo", "logo")),
				get("/").with("User-Agent", mozilla).
					want(status(200), contentType("text/html; charset=utf-8"), titled("${hostname}"), shows("${logo}"))),
			it("shows programs the same as /api/info",
				get("/").with("User-Agent", "curl/8.5.0").want(status(200), infoObject())),
			it("shows the same to clients without a name",
				get("/").with("User-Agent", "").want(status(200), infoObject())),
			it("takes Mozilla for a browser at the start of the name only",
				get("/").with("User-Agent", "like Mozilla/5.0").want(status(200), infoObject()),
				get("/").with("User-Agent", "mozilla/5.0").want(status(200), infoObject())),
		}},
		{Name: "page", Routes: []string{"/", "/ui/{file}"}, Cases: []Case{
			it("needs nothing from elsewhere", get("/").with("User-Agent", mozilla).
				want(status(200), media("text/html"), selfContained())).needs(OwnPath),
			it("has its files", get("/ui/app.js").want(status(200), media("text/javascript"), nosniff(), notEmpty()),
				get("/ui/style.css").want(status(200), media("text/css"), nosniff(), notEmpty()),
				get("/ui/logo.svg").want(status(200), media("image/svg+xml"), nosniff(), notEmpty())).
				differs("has its page in one file"),
			it("has no other files", get("/ui/nothing.js").want(isNotFound()), get("/ui/vue.html").want(isNotFound())),
		}},
		{Name: "index from a directory", Routes: []string{"/"}, Settings: []string{"--ui-path=${dir}"},
			Prepare: writeFiles("vue.html", "<!doctype html><title>mine</title>"), Needs: []Capability{Files},
			Cases: []Case{
				it("shows that page to browsers", get("/").with("User-Agent", mozilla).want(status(200),
					contentType("text/html; charset=utf-8"), body("<!doctype html><title>mine</title>"))),
				it("shows the same as before to programs", get("/").want(status(200), infoObject())),
			}},
		{Name: "index from a directory without one", Routes: []string{"/"}, Settings: []string{"--ui-path=${dir}"},
			Prepare: writeFiles("other.html", ""), Needs: []Capability{Files}, Cases: []Case{
				it("does not tell browsers the path", get("/").with("User-Agent", mozilla).
					want(status(500), media("text/plain"), lacks("${dir}", "vue.html", "no such file"), notEmpty())).
					differs("shows the path and the error of the system"),
				it("shows the same as before to programs", get("/").want(status(200), infoObject())),
			}},
	}
}

// titled checks the title of a page.
func titled(title string) check {
	return func(x *exchange) error {
		found := regexp.MustCompile(`(?is)<title>(.*?)</title>`).FindSubmatch(x.body)
		if found != nil && strings.Contains(html.UnescapeString(string(found[1])), x.expand(title)) {
			return nil
		}
		return fmt.Errorf("the title of the page does not name %q", x.expand(title))
	}
}

// shows checks that a page has text in it, however it is escaped.
func shows(text string) check {
	return func(x *exchange) error {
		if strings.Contains(html.UnescapeString(string(x.body)), x.expand(text)) {
			return nil
		}
		return fmt.Errorf("the page does not show %q", x.expand(text))
	}
}

func notEmpty() check {
	return func(x *exchange) error {
		if len(x.body) > 0 {
			return nil
		}
		return errors.New("the body is empty")
	}
}

// environment is what /env shows of the variables.
func environment() []Group {
	const open = "shows every value"
	secrets := []string{
		"ZULU=last", "ALPHA=first", "PODINFO_JWT_SECRET=hunter2a",
		"SOME_API_KEY=hunter2b", "SOME_TOKEN=hunter2c", "DB_PASSWORD=hunter2d", "GOOGLE_CREDENTIAL_FILE=hunter2e",
		"some_secret_word=hunter2f", "DATABASE=postgres://someone:hunter2j@db.example:5432/x", "WITH_EQUALS=a=b=c",
	}
	credentials := []string{
		"AWS_ACCESS_KEY_ID=hunter2g", "AWS_SECRET_ACCESS_KEY=hunter2h", "AWS_SESSION_TOKEN=hunter2i",
	}
	return []Group{
		{Name: "env", Routes: []string{"/env"}, Cases: []Case{
			it("masks what the platform gives the process to sign in with", get("/env").want(status(200), variables(),
				masked("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))).differs(open),
			it("lists variables", get("/env").want(status(200), jsonReply(), variables(), contains("PATH="))),
			it("answers POST as well", post("/env", "ignored").
				want(status(200), jsonReply(), variables(), contains("PATH="))),
		}},
		{Name: "env with secrets", Routes: []string{"/env"}, Settings: secrets, Cases: []Case{
			it("shows what is no secret", get("/env").want(status(200), jsonReply(), variables(),
				contains(`"ALPHA=first"`, `"WITH_EQUALS=a=b=c"`))),
			it("keeps the order of the process", get("/env").want(status(200), inOrder(`"ZULU=`, `"ALPHA=`))),
			it("masks what looks like a secret", get("/env").want(status(200), lacks("hunter2"), contains(
				`"SOME_API_KEY=********"`, `"SOME_TOKEN=********"`, `"DB_PASSWORD=********"`,
				`"GOOGLE_CREDENTIAL_FILE=********"`, `"some_secret_word=********"`))).differs(open),
			it("masks its own signing secret", get("/env").
				want(status(200), lacks("hunter2a"), contains(`"PODINFO_JWT_SECRET=********"`))).differs(open),
			it("masks a password inside a URL", get("/env").
				want(status(200), lacks("hunter2j"), contains(`"DATABASE=postgres://someone:`, `@db.example:5432/x"`))).
				differs(open),
			it("masks the same over gRPC", calling("env.EnvService/Env", `{}`).
				want(code(0), among("envVars", "ALPHA=first", "SOME_TOKEN=********"))).needs(GRPC).differs(open),
		}},
		{Name: "env with credentials", Routes: []string{"/env"}, Settings: credentials, Cases: []Case{
			it("masks those of AWS", get("/env").want(status(200), lacks("hunter2"), contains(
				`"AWS_ACCESS_KEY_ID=********"`, `"AWS_SECRET_ACCESS_KEY=********"`, `"AWS_SESSION_TOKEN=********"`))).
				differs(open),
		}},
		{Name: "env that shows secrets", Routes: []string{"/env"},
			Settings: append(slices.Clip(secrets), "--env-show-secrets"), Cases: []Case{
				it("shows everything when told to", get("/env").want(status(200), jsonReply(), variables(),
					contains(`"PODINFO_JWT_SECRET=hunter2a"`, `"SOME_API_KEY=hunter2b"`,
						`"DATABASE=postgres://someone:hunter2j@db.example:5432/x"`))),
			}},
	}
}

// variables checks that the answer is a list of NAME=value.
func variables() check {
	return func(x *exchange) error {
		var list []string
		if err := json.Unmarshal(x.body, &list); err != nil {
			return fmt.Errorf("the body is not a list of strings: %w", err)
		}
		for _, variable := range list {
			if !strings.Contains(variable, "=") {
				return fmt.Errorf("%q is not of the form NAME=value", variable)
			}
		}
		return nil
	}
}

// masked checks that none of these variables, if they are there, shows its value.
func masked(names ...string) check {
	return func(x *exchange) error {
		for _, name := range names {
			for line := range strings.Lines(string(x.body)) {
				if strings.Contains(line, `"`+name+"=") && !strings.Contains(line, `"`+name+`=********"`) {
					return fmt.Errorf("the value of %s is shown", name)
				}
			}
		}
		return nil
	}
}

// inOrder checks that the parts come in the body one after the other.
func inOrder(parts ...string) check {
	return func(x *exchange) error {
		rest := string(x.body)
		for _, part := range parts {
			_, after, found := strings.Cut(rest, part)
			if !found {
				return fmt.Errorf("the body does not have %q in this order", parts)
			}
			rest = after
		}
		return nil
	}
}
