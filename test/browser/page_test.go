package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/browser"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// How people look at the page.
var (
	desk      = browser.View{Width: 1280, Height: 900, Scheme: "light"}
	deskDark  = browser.View{Width: 1280, Height: 900, Scheme: "dark"}
	phone     = browser.View{Width: 390, Height: 844, Scheme: "light"}
	phoneDark = browser.View{Width: 390, Height: 844, Scheme: "dark"}
)

// The page opens under any prefix, in both schemes, fits a phone, and the browser has nothing to complain about, the
// content security policy included.
func TestPage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		view   browser.View
		prefix string
	}{
		{"desk", desk, ""},
		{"desk dark", deskDark, "/p"},
		{"phone", phone, "/a/b"},
		{"phone dark", phoneDark, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := testkit.StartPodinfo(t, "--prefix="+tt.prefix).URL
			tab := browser.Open(t, tt.view)
			tab.Do(chromedp.Navigate(server + tt.prefix + "/"))
			tab.Screenshot("page " + tt.name)
			tab.Do(chromedp.Click(chromedp.ID("ping")))
			tab.Wait(`document.querySelector('#info .status').textContent === '200'`)
			tab.Screenshot("page " + tt.name + ", pinged")
			width := browser.Get(tab, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
			if width > tt.view.Width {
				t.Errorf("the page is %d pixels wide, the window %d: it scrolls sideways", width, tt.view.Width)
			}
			clean(t, tab, server)
		})
	}
}

func TestPageShowsTheServer(t *testing.T) {
	t.Parallel()
	server := testkit.StartPodinfo(t, "--ui-message=a message", "--ui-color=teal").URL
	tab := browser.Open(t, desk)
	tab.Do(chromedp.Navigate(server + "/"))
	if got := value(tab, `document.title`); got != hostname(t) {
		t.Errorf("the title is %q, want the hostname %s", got, hostname(t))
	}
	for selector, want := range map[string]string{
		"h1":       hostname(t),
		".message": "a message",
		".chips":   "version " + version.Version,
	} {
		if got := text(tab, selector); !strings.Contains(got, want) {
			t.Errorf("%s says %q, want %q", selector, got, want)
		}
	}
	clean(t, tab, server)
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	server := testkit.StartPodinfo(t, "--prefix=/p").URL
	tab := browser.Open(t, desk)
	tab.Do(chromedp.Navigate(server + "/p/"))
	links := browser.Get(tab, chromedp.Evaluate[[]string](`[...document.links].map((link) => link.href)`))
	if len(links) < 9 {
		t.Errorf("the page has the links %q only", links)
	}
	for _, link := range links {
		answer, err := http.Get(link)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s (%v), want 200", link, answer.Status, err)
		}
	}
}

func TestPingShowsAnswers(t *testing.T) {
	t.Parallel()
	server := testkit.StartPodinfo(t, "--prefix=/p").URL
	tab := browser.Open(t, desk)
	tab.Do(chromedp.Navigate(server+"/p/"), chromedp.Click(chromedp.ID("ping")))
	tab.Wait(`document.querySelector('#history li')`)
	for selector, want := range map[string]string{
		"#echo .status": "202",
		"#echo pre":     "ping",
		"#echo .time":   " ms",
		"#info .status": "200",
		"#info pre":     `"hostname": "` + hostname(t) + `"`,
		"#info .time":   " ms",
		"#summary":      hostname(t) + " answered in ",
	} {
		if got := text(tab, selector); !strings.Contains(got, want) {
			t.Errorf("%s says %q, want %q", selector, got, want)
		}
	}
	clean(t, tab, server)
}

// While the box is ticked a ping follows the other, and the page tells who answered how often.
func TestPingRepeats(t *testing.T) {
	t.Parallel()
	server := twoPods(t, testkit.StartPodinfo(t).URL)
	tab := browser.Open(t, desk)
	tab.Do(chromedp.Navigate(server+"/"), chromedp.Click(chromedp.ID("repeat")))
	tab.Wait(`document.querySelectorAll('#history li').length >= 3`)
	tab.Screenshot("page, repeated")
	for _, want := range []string{"blue · 1.0.0 × ", "green · 2.0.0 × "} {
		if got := text(tab, "#hosts"); !strings.Contains(got, want) {
			t.Errorf("who answered is shown as %q, without %q", got, want)
		}
	}
	clean(t, tab, server)
}

// twoPods stands for a Service with two pods of different versions behind it: they take turns.
func twoPods(t *testing.T, server string) string {
	t.Helper()
	behind, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	var turn atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(behind))
	mux.HandleFunc("/api/info", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, []string{
			`{"hostname": "blue", "version": "1.0.0", "color": "#34577c"}`,
			`{"hostname": "green", "version": "2.0.0", "color": "#2e8b57"}`,
		}[turn.Add(1)%2])
	})
	service := httptest.NewServer(mux)
	t.Cleanup(service.Close)
	return service.URL
}

// A server that fails, and one that is gone, are shown as such.
func TestPingShowsFailure(t *testing.T) {
	t.Parallel()
	podinfo := testkit.StartPodinfo(t)
	tab := browser.Open(t, deskDark)
	tab.Do(chromedp.Navigate(podinfo.URL + "/"))
	answer, err := http.Post(podinfo.URL+"/fault_injection/enable", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	tab.Press("#ping")
	tab.Wait(`document.querySelectorAll('#history li.bad').length === 1`)
	said(t, tab, "500", "fault injection enabled")

	podinfo.Stop(t, syscall.SIGTERM)
	tab.Press("#ping")
	tab.Wait(`document.querySelectorAll('#history li.bad').length === 2`)
	said(t, tab, "no answer", "fetch")
	tab.Screenshot("page, failure")
}

// said checks how the page shows two requests that failed.
func said(t *testing.T, tab *browser.Tab, status, answer string) {
	t.Helper()
	for selector, want := range map[string]string{
		"#echo .status.bad": status,
		"#echo pre":         answer,
		"#info .status.bad": status,
		"#info pre":         answer,
		"#summary":          "did not answer",
	} {
		if got := text(tab, selector); !strings.Contains(got, want) {
			t.Errorf("%s says %q, want %q", selector, got, want)
		}
	}
}

// The page takes the configured colour, whatever CSS syntax it is in, and text on it stays readable.
func TestAccent(t *testing.T) {
	t.Parallel()
	for color, want := range map[string]string{
		"#34577c":               "rgb(52, 87, 124)",
		"yellow":                "rgb(255, 255, 0)",
		"#000":                  "rgb(0, 0, 0)",
		"hsl(330 85% 48%)":      "rgb(226, 18, 122)",
		"no colour; color: red": "rgb(52, 87, 124)",
	} {
		t.Run(color, func(t *testing.T) {
			server := testkit.StartPodinfo(t, "--ui-color="+color).URL
			tab := browser.Open(t, desk)
			tab.Do(chromedp.Navigate(server + "/"))
			if got := value(tab, `getComputedStyle(document.querySelector('.hero')).backgroundColor`); got != want {
				t.Errorf("the page has the colour %s, want %s", got, want)
			}
			if got := contrast(tab, "--on-accent", "--accent"); got < 4.5 {
				t.Errorf("text on the accent has a contrast of %.1f, want 4.5", got)
			}
			for _, scheme := range []string{"light", "dark"} {
				tab.Do(browser.Scheme(scheme))
				if got := contrast(tab, "--ink", "--card"); got < 4.5 {
					t.Errorf("links on a %s card have a contrast of %.1f, want 4.5", scheme, got)
				}
			}
			tab.Screenshot("accent " + color)
			clean(t, tab, server)
		})
	}
}

// contrast is the one between two of the page's colours, as the page itself reckons it.
func contrast(tab *browser.Tab, one, other string) float64 {
	return browser.Get(tab, chromedp.Evaluate[float64](fmt.Sprintf(`(() => {
		const probe = document.body.appendChild(document.createElement('i'));
		const read = (name) => {
			probe.style.color = 'var(' + name + ')';
			return rgb(getComputedStyle(probe).color);
		};
		const result = contrast(read(%q), read(%q));
		probe.remove();
		return result;
	})()`, one, other)))
}

// Settings that hold HTML or script are shown as the text they are.
func TestHostileSettings(t *testing.T) {
	t.Parallel()
	const attack = `"><img src=x onerror=alert(1)><script>alert(1)</script>'`
	server := testkit.StartPodinfo(t, "--ui-color="+attack, "--ui-message="+attack, "--ui-logo=javascript:alert(1)").URL
	tab := browser.Open(t, desk)
	tab.Do(chromedp.Navigate(server + "/"))
	if got := text(tab, ".message"); got != attack {
		t.Errorf("the message is shown as %q, want %q", got, attack)
	}
	embeddedLogo(t, tab, server)
	clean(t, tab, server)
}

// A logo that cannot be loaded gives way to the embedded one.
func TestBrokenLogo(t *testing.T) {
	t.Parallel()
	server := testkit.StartPodinfo(t, "--ui-logo=/nothing/here.gif").URL
	tab := browser.Open(t, desk)
	tab.Do(chromedp.Navigate(server + "/"))
	embeddedLogo(t, tab, server)
}

func embeddedLogo(t *testing.T, tab *browser.Tab, server string) {
	t.Helper()
	tab.Wait(`document.getElementById('logo').naturalWidth > 0`)
	if got := value(tab, `document.getElementById('logo').src`); got != server+"/ui/logo.svg" {
		t.Errorf("the logo is %q, want the embedded one", got)
	}
}

// text is what an element says, or empty when there is none.
func text(tab *browser.Tab, selector string) string {
	return value(tab, fmt.Sprintf(`document.querySelector(%q)?.textContent ?? ''`, selector))
}

// value is the text that a JavaScript expression yields on the page.
func value(tab *browser.Tab, expression string) string {
	return browser.Get(tab, chromedp.Evaluate[string](expression))
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// clean fails the test for everything that the browser complained about, and for requests to another host.
func clean(t *testing.T, tab *browser.Tab, server string) {
	t.Helper()
	for _, problem := range tab.Problems() {
		t.Errorf("the browser complains: %s", problem)
	}
	for _, address := range tab.Foreign(server) {
		t.Errorf("the page asks another host for %s", address)
	}
}
