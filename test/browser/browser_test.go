package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/podinfo-targets/podinfo/test/browser"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// The other tests prove nothing unless a tab notices what is wrong with a page.
func TestTabNoticesProblems(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	for name, tt := range map[string]struct{ policy, page, want string }{
		"exception":         {"", `<script>throw new Error('broken')</script>`, "broken"},
		"console":           {"", `<script>console.error('broken')</script>`, "broken"},
		"missing file":      {"", `<img src="/missing.png">`, "404"},
		"inline script":     {"script-src 'self'", `<script>alert(1)</script>`, "Content Security Policy"},
		"inline style":      {"style-src 'self'", `<p style="color:red">x</p>`, "Content Security Policy"},
		"forbidden request": {"connect-src 'none'", `<script>fetch("/x").catch(Date)</script>`, "Content Security Policy"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("Content-Type", "text/html")
				w.Header().Set("Content-Security-Policy", tt.policy)
				_, _ = fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><img src="%s/x">%s`, elsewhere.URL, tt.page)
			}))
			t.Cleanup(server.Close)
			tab := browser.Open(t, desk)
			tab.Do(chromedp.Navigate(server.URL))
			testkit.Eventually(t, 10*time.Second, "the complaint "+tt.want, func() bool {
				return strings.Contains(strings.Join(tab.Problems(), "\n"), tt.want)
			})
			if foreign := tab.Foreign(server.URL); len(foreign) != 1 || foreign[0] != elsewhere.URL+"/x" {
				t.Errorf("requests to other hosts: %q, want the one to %s", foreign, elsewhere.URL)
			}
		})
	}
}
