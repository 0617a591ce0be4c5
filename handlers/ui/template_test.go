package ui

import (
	"bytes"
	htmltemplate "html/template"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// templates are pages as people write them, each of which html/template takes too.
var templates = []string{
	`plain text`,
	`<h1>{{.Title}}</h1>`,
	`<h1>{{ .Title }} and {{- .Message -}} end</h1>`,
	`{{/* a comment */}}<p>{{.Title}}</p>`,
	`<!doctype html><title>{{.Title}}</title><textarea>{{.Message}}</textarea>`,
	`<p title="{{.Title}}" class='a {{.Message}}'>x</p>`,
	`<p title = "{{.Title}}"id=x>x</p>`,
	`<img src="{{.Logo}}" alt="{{.Title}}">`,
	`<a href="{{.Prefix}}/swagger/">x</a>`,
	`<a href="/x?q={{.Title}}&amp;r={{.Message}}">x</a>`,
	`<a href="/x#{{.Title}}">x</a>`,
	`<img data-src='{{.Logo}}' v-bind:src="{{.Logo}}">`,
	`{{if .Logo}}<img src="{{.Logo}}">{{else}}<b>none</b>{{end}}`,
	`{{if .Logo}}1{{else if .Title}}2{{else}}3{{end}}`,
	`{{with .Logo}}<img src="{{.}}" alt="{{$.Title}}">{{else}}<b>{{.Title}}</b>{{end}}`,
	`<p>{{"a < b"}}{{(.Title)}}</p>`,
	`<script>var t = {{.Title}}; var p = "{{.Prefix}}/api"; f('{{.Message}}')</script><p>{{.Title}}</p>`,
	`<script>var a = "\"{{.Title}}"; var b = '/*{{.Title}}'; var c = {{.Title}};</script>`,
	`<SCRIPT>var t = {{.Title}}</SCRIPT><p>{{.Title}}</p>`,
	`<button onclick="ping('{{.Title}}', {{.Message}})">x</button>`,
	`<script type="application/json">{"title": {{.Title}}}</script>`,
	`a < b {{.Title}} <3 <p>{{.Title}}</p>`,
	`<br/><img src="{{.Logo}}"/><p >{{.Title}}</p >`,
	`<input disabled value="{{.Title}}"><input disabled = "" value="{{.Title}}">`,
}

// values are what the settings may hold, with everything that means something in HTML, addresses or JavaScript.
var values = []string{
	"", "podinfo-x2x7k", "/p", "https://example.com/cat.gif?a=1&b=2#c", "#34577c", "a b", "a & b", `<b>"quoted"</b>`,
	`it's`, `</script><script>alert(1)</script>`, `\`, `\"`, "`${x}`", "*/alert(1)/*", "a\nb", "\u2028", "grüße 🐙",
	"--><b>", "javascript:alert(1)", "100%", "a+b",
}

// A browser makes the same of a page as if html/template had rendered it.
func TestPagesReadAsIfRenderedByHTMLTemplate(t *testing.T) {
	t.Parallel()
	for _, text := range templates {
		for _, value := range values {
			p := Page{Title: value, Logo: value, Prefix: value, Message: value}
			got, err := ours(text, p)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				break
			}
			if got, want := meaningOf(t, got), meaningOf(t, theirs(t, text, p)); got != want {
				t.Errorf("%s with %q reads\n%s\nwant\n%s", text, value, got, want)
			}
		}
	}
}

// meaningOf is a page as a browser reads it. What stands for an unsafe address, and how a script writes a character,
// is each renderer's own choice.
func meaningOf(t *testing.T, text string) string {
	t.Helper()
	document, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for node := range document.Descendants() {
		node.Data = decodeScript(node)
		for i, attr := range node.Attr {
			if strings.HasPrefix(attr.Key, "on") {
				attr.Val = unescapeScript(attr.Val)
			}
			if kind(attr.Key) == address {
				attr.Val = percentEscapes.ReplaceAllStringFunc(attr.Val, strings.ToUpper)
				attr.Val = strings.Replace(attr.Val, "#ZgotmplZ", unsafeURL, 1)
			}
			node.Attr[i] = attr
		}
	}
	var out bytes.Buffer
	if err := html.Render(&out, document); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var percentEscapes = regexp.MustCompile(`%[0-9a-f]{2}`)

func decodeScript(node *html.Node) string {
	if node.Type != html.TextNode || node.Parent.Data != "script" {
		return node.Data
	}
	return unescapeScript(node.Data)
}

var scriptEscapes = strings.NewReplacer(
	`\/`, `/`, `\'`, `'`, `\"`, `"`, `\\`, `\`, `\n`, "\n", "\\`", "`", `\u005c`, `\`, `\u000a`, "\n", `\u0060`, "`",
	`\u0022`, `"`, `\u0026`, `&`, `\u0027`, `'`, `\u002b`, `+`, `\u003c`, `<`, `\u003e`, `>`, `\u003d`, `=`,
	`\u0023`, `#`, `\u0024`, `$`, `\u0025`, `%`, `\u0028`, `(`, `\u0029`, `)`, `\u002a`, `*`, `\u003f`, `?`, `\u007b`, `{`,
	`\u007d`, `}`, `\u00fc`, `ü`, `\u00df`, `ß`, `\ud83d\udc19`, `🐙`, `\u2028`, "\u2028",
)

func unescapeScript(code string) string { return scriptEscapes.Replace(code) }

// Comments stay, without the values, and what looks like a string's quote in them is none.
func TestCommentsHoldNoValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`<!-- {{.Title}} --><p>{{.Title}}</p>`:                       `<!--  --><p>&lt;x</p>`,
		`<!----><p>{{.Title}}</p>`:                                   `<!----><p>&lt;x</p>`,
		`<!--><p>{{.Title}}</p>`:                                     `<!--><p>&lt;x</p>`,
		`<!-- <script> --><p>{{.Title}}</p>`:                         `<!-- <script> --><p>&lt;x</p>`,
		`<script>/* it's {{.Title}} */ var a = {{.Title}}</script>`:  `<script>/* it's  */ var a = "\u003cx"</script>`,
		`<script>/*/ {{.Title}} '*/ var a = {{.Title}}</script>`:     `<script>/*/  '*/ var a = "\u003cx"</script>`,
		"<script>f() // don't {{.Title}}\nvar a={{.Title}}</script>": "<script>f() // don't \nvar a=\"\\u003cx\"</script>",
		`<script>a = b / c / {{.Title}}</script>`:                    `<script>a = b / c / "\u003cx"</script>`,
	} {
		if got, err := ours(text, Page{Title: "<x"}); err != nil || got != want {
			t.Errorf("%s renders %s (%v), want %s", text, got, err, want)
		}
	}
}

func TestUnsupportedTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{{.Nothing}}`:                     "Title",
		`{{.Title.Length}}`:                "nothing more",
		`{{.}}`:                            "nothing more",
		`{{$}}`:                            "nothing more",
		`{{$x := .Title}}{{$x}}`:           "nothing more",
		`{{range .Title}}x{{end}}`:         "nothing more",
		`{{template "other"}}`:             "nothing more",
		`{{block "other" .}}x{{end}}`:      "nothing more",
		`{{1}}`:                            "nothing more",
		`{{true}}`:                         "nothing more",
		`{{.Title .Logo}}`:                 "nothing more",
		`{{.Title | .Logo}}`:               "nothing more",
		`{{if eq .Title "x"}}x{{end}}`:     `function "eq" not defined`,
		`{{print .Title}}`:                 `function "print" not defined`,
		`{{with .Logo}}{{.Title}}{{end}}`:  "$.Title",
		`{{if .Nothing}}x{{end}}`:          "Title",
		`{{with .Nothing}}x{{end}}`:        "Title",
		`{{if .Title}}`:                    "unexpected EOF",
		`{{.Title`:                         "unclosed action",
		`<p {{.Title}}>`:                   "not inside a tag",
		`<{{.Title}}>`:                     "not inside a tag",
		`<p{{.Title}}>`:                    "not inside a tag",
		`<p a{{.Title}}="b">`:              "not inside a tag",
		`<p a {{.Title}}>`:                 "not inside a tag",
		`</{{.Title}}>`:                    "not inside a tag",
		`<!{{.Title}}>`:                    "not inside a tag",
		`<p title={{.Title}}>`:             "quotes",
		`<p title=a{{.Title}}>`:            "quotes",
		`<iframe>{{.Title}}</iframe>`:      "this element",
		`<iframe srcdoc="{{.Title}}">`:     "srcdoc",
		`<a href="javascript:{{.Title}}">`: "scheme",
	} {
		_, err := ours(text, Page{Title: "x", Logo: "y"})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "vue.html:1") {
			t.Errorf("%s fails with %v; want an error with the line and %q", text, err, want)
		}
	}
}

func TestStylesAreEscaped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, value, want string }{
		{`<style>a{color:{{.Color}}}</style>`, "#34577c", `<style>a{color:#34577c}</style>`},
		{`<style>a{color:{{.Color}}}</style>`, "red;}</style>",
			`<style>a{color:red\00003b\00007d\00003c\00002fstyle\00003e}</style>`},
		{`<p style="color:{{.Color}}">`, `red" onclick="x`, `<p style="color:red\000022 onclick\00003d\000022x">`},
		{`<p style='width: {{.Color}}'>`, "10.5%", `<p style='width: 10.5%'>`},
		{`<p style='width: {{.Color}}'>`, "\x00é", `<p style='width: \000001é'>`},
	} {
		if got, err := ours(tt.text, Page{Color: tt.value}); err != nil || got != tt.want {
			t.Errorf("%s with %q renders %s (%v), want %s", tt.text, tt.value, got, err, tt.want)
		}
	}
}

func TestImagesMayBeData(t *testing.T) {
	t.Parallel()
	const logo = "data:image/png;base64,iVBORw0KGgo="
	if got, err := ours(`<img src="{{.Logo}}">`, Page{Logo: logo}); err != nil || got != `<img src="`+logo+`">` {
		t.Errorf("rendered %s (%v)", got, err)
	}
}

// Whatever a value holds, the page keeps its elements and attributes, and a value in a script stays one string.
func FuzzValueStaysInItsPlace(f *testing.F) {
	for _, value := range values {
		f.Add(value)
	}
	const text = `<!doctype html><title>{{.Title}}</title><!-- {{.Title}} -->` +
		`<style>a{b:"{{.Title}}";c:{{.Title}}}</style><textarea>{{.Title}}</textarea>` +
		`<p title="{{.Title}}" class='{{.Title}}' style="a:{{.Title}}">{{.Title}}</p>` +
		`<a href="{{.Title}}">x</a><a href='/x?{{.Title}}#{{.Title}}'>x</a><b onclick="f('{{.Title}}',{{.Title}})">x</b>` +
		"<script>var a={{.Title}},b='{{.Title}}',c=\"{{.Title}}\",d=`{{.Title}}`;//{{.Title}}\nf()/*{{.Title}}*/</script>" +
		`<em>{{.Title}}</em>`
	f.Fuzz(func(t *testing.T, value string) {
		got, err := ours(text, Page{Title: value})
		if err != nil {
			t.Fatal(err)
		}
		benign, err := ours(text, Page{Title: "benign"})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := outline(got), outline(benign); got != want {
			t.Errorf("%q changes the page:\n%s\nwant\n%s", value, got, want)
		}
	})
}

// outline is the tags of a page with their attributes' names, and its scripts with each run of what a value may become
// in them cut to a dot.
func outline(text string) string {
	var out strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(text))
	for tokens.Next() != html.ErrorToken {
		token := tokens.Token()
		switch token.Type {
		case html.TextToken:
			continue
		case html.StartTagToken, html.EndTagToken:
			out.WriteString(token.Type.String() + " " + token.Data)
		}
		for _, attr := range token.Attr {
			out.WriteString(" " + attr.Key)
			if attr.Key == "onclick" {
				out.WriteString("=" + withoutValues(attr.Val))
			}
		}
		out.WriteString("\n")
	}
	_, script, _ := strings.Cut(text, "<script>")
	script, _, _ = strings.Cut(script, "</script>")
	return out.String() + withoutValues(script)
}

// withoutValues is the code around strings. A value that ended its string would leave some of itself behind.
func withoutValues(code string) string {
	var out strings.Builder
	var s script
	for i := range len(code) {
		before := s.in
		s.step(code[i])
		if before == 0 || s.in == 0 {
			out.WriteByte(code[i])
		}
	}
	return out.String()
}

func BenchmarkEmbeddedPage(b *testing.B) {
	u := Open("")
	p := Page{Title: "podinfo-6d4b9b5b7f-x2x7k", Prefix: "/p", Color: "#34577c", Message: "greetings", Version: "6.15.0"}
	var out bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := u.Render(&out, p); err != nil {
			b.Fatal(err)
		}
	}
}

func ours(text string, p Page) (string, error) {
	parsed, err := parseTemplate("vue.html", text)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = parsed.render(&out, p)
	return out.String(), err
}

func theirs(t *testing.T, text string, p Page) string {
	t.Helper()
	parsed, err := htmltemplate.New("vue.html").Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
