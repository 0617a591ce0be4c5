// Package ui is the web page that podinfo shows to browsers.
//
// The page is embedded: index.html, a template, with app.js, style.css and logo.svg, which it loads from /ui/. A
// directory may replace it: its vue.html is then the template, read again for each request so that an edit of a
// mounted ConfigMap shows at once, and its other files are served from /ui/ before the embedded ones.
//
// A template is written in the language of Go's html/template, cut down to what a page needs: {{.Title}} and the other
// fields of Page, {{if}}, {{with}} and {{else}}. Values are escaped for the place they stand in, as there.
// html/template itself is not used: the reflection in it keeps the linker from dropping methods that nothing calls,
// which would make the program larger by half.
package ui

import (
	"bytes"
	_ "embed" // for the page
	"fmt"
	"io"
	"sync"
)

// Page is what the page shows. A template reads the fields by these names.
type Page struct {
	Title    string // the hostname
	Logo     string // an image's URL; empty stands for the embedded logo
	Prefix   string // the path prefix of the API, without a trailing slash; empty for none
	Color    string // a CSS colour, the page's accent
	Message  string
	Version  string
	Revision string
}

// UI renders the page and holds its files. It is safe for concurrent use.
type UI struct {
	dir      string
	embedded func() (*template, error)
}

//go:embed index.html
var indexHTML string

// contentSecurityPolicy lets the embedded page load its own files, talk to its own server and show a logo from
// anywhere (https://www.w3.org/TR/CSP3/).
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src * data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// Open returns the UI that the directory holds, or the embedded one when dir is empty. Nothing is read yet: a directory
// that is missing shows when the page is rendered, and one that appears later is used from then on.
func Open(dir string) *UI {
	return &UI{dir: dir, embedded: sync.OnceValues(func() (*template, error) {
		return parseTemplate("index.html", indexHTML)
	})}
}

// Render writes the page as HTML. On an error, which is for the log and not for the client, nothing is written.
func (u *UI) Render(w io.Writer, p Page) error {
	page, err := u.template()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := page.render(&out, p); err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

// ContentSecurityPolicy is the value of the header of that name that the page works under. It is empty, for no header,
// when a directory replaces the page: what that page needs is not known here.
func (u *UI) ContentSecurityPolicy() string {
	if u.dir != "" {
		return ""
	}
	return contentSecurityPolicy
}

func (u *UI) template() (*template, error) {
	if u.dir == "" {
		return u.embedded()
	}
	text, err := readBelow(u.dir, templateName)
	if err != nil {
		return nil, fmt.Errorf("reading the page's template in %s: %w", u.dir, err)
	}
	return parseTemplate(templateName, string(text))
}
