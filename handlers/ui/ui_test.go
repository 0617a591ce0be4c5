package ui_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/podinfo-targets/podinfo/handlers/ui"
)

// page is what a server with ordinary settings shows.
var page = ui.Page{
	Title: "podinfo-6d4b9b5b7f-x2x7k", Prefix: "/p", Color: "#34577c", Message: "greetings from podinfo v6.15.0",
	Version: "6.15.0", Revision: "0123abc",
}

func TestEmbeddedPageShowsTheServer(t *testing.T) {
	t.Parallel()
	got := render(t, ui.Open(""), page)
	for _, want := range []string{
		"<title>podinfo-6d4b9b5b7f-x2x7k</title>", "greetings from podinfo v6.15.0", "6.15.0", "0123abc",
		`data-color="#34577c"`, `data-prefix="/p"`, `src="/p/ui/app.js"`, `href="/p/ui/style.css"`,
		`src="/p/ui/logo.svg"`, `href="/p/swagger/"`, `href="/p/metrics"`, `href="/p/healthz"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestConfiguredLogoIsShown(t *testing.T) {
	t.Parallel()
	withLogo := page
	withLogo.Logo = "https://example.com/cat.gif?size=2"
	if got := render(t, ui.Open(""), withLogo); !strings.Contains(got, `src="https://example.com/cat.gif?size=2"`) {
		t.Errorf("the page lacks the configured logo:\n%s", got)
	}
}

// The page works under its own policy: no inline script, style or handler, and nothing from another host.
func TestEmbeddedPageIsSelfContained(t *testing.T) {
	t.Parallel()
	u := ui.Open("")
	for _, element := range elements(t, render(t, u, page)) {
		if (element.Data == "script" || element.Data == "style") && element.FirstChild != nil {
			t.Errorf("<%s> is inline: %s", element.Data, element.FirstChild.Data)
		}
		for _, attr := range element.Attr {
			if attr.Key == "style" || strings.HasPrefix(attr.Key, "on") {
				t.Errorf("<%s> has an inline %s", element.Data, attr.Key)
			}
			if (attr.Key == "src" || attr.Key == "href") && !strings.HasPrefix(attr.Val, "/p/") {
				t.Errorf("<%s %s=%q> leaves the server or the prefix", element.Data, attr.Key, attr.Val)
			}
			if name, ok := strings.CutPrefix(attr.Val, "/p/ui/"); ok {
				if _, _, _, ok := u.Asset(name); !ok {
					t.Errorf("the page loads %s, which is not served", name)
				}
			}
		}
	}
	if u.ContentSecurityPolicy() == "" {
		t.Error("the embedded page has no policy")
	}
}

// Whatever the settings hold, the page keeps its elements and gains no script.
func TestSettingsCannotChangeThePage(t *testing.T) {
	t.Parallel()
	u := ui.Open("")
	withLogo := page
	withLogo.Logo = "/logo.png"
	want := shape(elements(t, render(t, u, withLogo)))
	for _, attack := range attacks {
		got := elements(t, render(t, u, ui.Page{
			Title: attack, Logo: attack, Prefix: attack, Color: attack, Message: attack, Version: attack, Revision: attack,
		}))
		if shape(got) != want {
			t.Errorf("%q changes the page's elements:\n%s\nwant\n%s", attack, shape(got), want)
		}
		for _, element := range got {
			for _, attr := range element.Attr {
				if (attr.Key == "src" || attr.Key == "href") && isScript(attr.Val) {
					t.Errorf("%q becomes %s=%q", attack, attr.Key, attr.Val)
				}
			}
		}
	}
}

// attacks are settings that would break out of a page that escaped them badly.
var attacks = []string{
	`<script>alert(1)</script>`,
	`</title><script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	`" onfocus="alert(1)" autofocus="`,
	`javascript:alert(1)`,
	"java\nscript:alert(1)",
	" javascript:alert(1)",
	"\x01javascript:alert(1)",
	"JaVaScRiPt:alert(1)",
	`data:text/html,<script>alert(1)</script>`,
	`vbscript:msgbox(1)`,
	`red;background:url(//example.com)`,
	`</style><script>alert(1)</script>`,
	`{{.Title}}`,
	`${alert(1)}`,
	"`+alert(1)+`",
	`--><script>alert(1)</script>`,
	`&lt;script&gt;`,
	"\x00<script>\xff\xfe",
	"\u2028alert(1)",
	`\u003cscript\u003e`,
}

func isScript(address string) bool {
	cleaned := strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, strings.ToLower(address))
	return regexp.MustCompile(`^(javascript|vbscript|data:text)`).MatchString(cleaned)
}

func TestTwoPagesLiveSideBySide(t *testing.T) {
	t.Parallel()
	u := ui.Open("")
	var all sync.WaitGroup
	for _, title := range []string{"one", "two", "three", "four"} {
		all.Go(func() {
			mine := page
			mine.Title = title
			var out bytes.Buffer
			if err := u.Render(&out, mine); err != nil {
				t.Error(err)
			}
			if !strings.Contains(out.String(), "<title>"+title+"</title>") {
				t.Errorf("the page of %s has another's title", title)
			}
		})
	}
	all.Wait()
}

func TestDirectoryReplacesThePage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	u := ui.Open(dir)
	write(t, dir, "vue.html", `<title>{{ .Title }}</title><img src="{{ .Logo }}"><p>{{ .Prefix }}</p>`)
	got := render(t, u, ui.Page{Title: "a & b", Logo: "https://example.com/l.gif", Prefix: "/p"})
	if want := `<title>a &amp; b</title><img src="https://example.com/l.gif"><p>/p</p>`; got != want {
		t.Errorf("rendered %s, want %s", got, want)
	}
	write(t, dir, "vue.html", `changed {{.Title}}`)
	if got := render(t, u, page); got != "changed "+page.Title {
		t.Errorf("after an edit the page is %s", got)
	}
	if policy := u.ContentSecurityPolicy(); policy != "" {
		t.Errorf("a page of unknown needs comes under the policy %q", policy)
	}
}

func TestUnusableTemplates(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir string) error{
		"no directory": os.RemoveAll,
		"no template":  func(string) error { return nil },
		"a directory":  func(dir string) error { return os.Mkdir(filepath.Join(dir, "vue.html"), 0o755) },
		"bad syntax":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "vue.html"), []byte("{{"), 0o644) },
		"a link out":   func(dir string) error { return os.Symlink("/etc/hostname", filepath.Join(dir, "vue.html")) },
		"half usable": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "vue.html"), []byte("half {{.Nothing}}"), 0o644)
		},
		"too large": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "vue.html"), make([]byte, 8<<20+1), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := prepare(dir); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := ui.Open(dir).Render(&out, page); err == nil || out.Len() != 0 {
				t.Errorf("rendered %q with error %v; want nothing and an error", out.String(), err)
			}
		})
	}
}

func render(t *testing.T, u *ui.UI, p ui.Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := u.Render(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func elements(t *testing.T, text string) []*html.Node {
	t.Helper()
	document, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var list []*html.Node
	for node := range document.Descendants() {
		if node.Type == html.ElementNode {
			list = append(list, node)
		}
	}
	return list
}

// shape is the elements of a page and the names of their attributes.
func shape(list []*html.Node) string {
	var out strings.Builder
	for _, node := range list {
		out.WriteString("<" + node.Data)
		for _, attr := range node.Attr {
			out.WriteString(" " + attr.Key)
		}
		out.WriteString(">")
	}
	return out.String()
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
