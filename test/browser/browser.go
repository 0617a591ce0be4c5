// Package browser opens pages in a real Chromium for the tests of the web page and of Swagger UI. A Tab remembers what
// a person would see in the developer tools: errors, violations of the content security policy, and every request.
package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// Screenshots is the environment variable that names a directory for the pictures that Tab.Screenshot takes.
const Screenshots = "PODINFO_SCREENSHOTS"

// patience bounds everything that one tab does.
const patience = 2 * time.Minute

// View is the window through which a person looks at a page.
type View struct {
	Width, Height int64  // CSS pixels
	Scheme        string // "light" or "dark"
}

// Tab is the only tab of a Chromium of its own, which ends with the test.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	problems []string
	requests []string
}

// Open starts Chromium with a fresh profile. It ends the test when there is none, as testkit.Need does.
func Open(t testing.TB, view View) *Tab {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(testkit.Need(t, "chromium")),
		chromedp.NoSandbox, // CI runs as root in a container, where Chromium's own sandbox cannot start.
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	tab := &Tab{t: t}
	tab.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(tab.listen))
	t.Cleanup(cancel)
	tab.Do(chromedp.EmulateViewport(view.Width, view.Height), Scheme(view.Scheme))
	return tab
}

// Scheme makes the browser prefer "light" or "dark".
func Scheme(name string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return chromedp.Void{}, err
	}
}

// Do runs steps in order and ends the test when one fails.
func (tab *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	if err := chromedp.Do(tab.ctx, steps...); err != nil {
		tab.t.Fatalf("%v; the browser complains: %q", err, tab.Problems())
	}
}

// Get runs an action and returns its value. It ends the test when the action fails.
func Get[T any](tab *Tab, action chromedp.Action[T]) T {
	tab.t.Helper()
	value, err := chromedp.Run(tab.ctx, action)
	if err != nil {
		tab.t.Fatalf("%v; the browser complains: %q", err, tab.Problems())
	}
	return value
}

// Wait waits until a JavaScript expression is true on the page.
func (tab *Tab) Wait(expression string) {
	tab.t.Helper()
	testkit.Eventually(tab.t, patience/4, expression, func() bool {
		return Get(tab, chromedp.Evaluate[bool]("Boolean("+expression+")"))
	})
}

// Press waits for the element that a CSS selector names and clicks it, wherever the page has scrolled to meanwhile.
func (tab *Tab) Press(selector string) {
	tab.t.Helper()
	tab.Wait(fmt.Sprintf("document.querySelector(%q)", selector))
	tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("void document.querySelector(%q).click()", selector)))
}

// Screenshot saves a picture of the whole page as <name>.png in the directory that the environment names, if it does.
func (tab *Tab) Screenshot(name string) {
	tab.t.Helper()
	dir := os.Getenv(Screenshots)
	if dir == "" {
		return
	}
	picture := Get(tab, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}

// Problems lists what the browser complained about so far.
func (tab *Tab) Problems() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.problems)
}

// Foreign lists the requests so far that went to another host than the one of address.
func (tab *Tab) Foreign(address string) []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(tab.requests), func(request string) bool {
		return host(request) == host(address)
	})
}

// host is what a request for an address goes to; empty for one that goes nowhere, such as a data URL.
func host(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return address
	}
	return parsed.Host
}

func (tab *Tab) listen(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		if host(event.Request.URL) != "" {
			tab.requests = append(tab.requests, event.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		details := event.ExceptionDetails
		thrown := words([]*runtime.RemoteObject{details.Exception})
		tab.problems = append(tab.problems, fmt.Sprintf("uncaught: %s %s", details.Text, thrown))
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError || event.Type == runtime.ConsoleAPICalledTypeWarning {
			tab.problems = append(tab.problems, fmt.Sprintf("console %s: %s", event.Type, words(event.Args)))
		}
	case *cdplog.EventEntryAdded:
		if event.Entry.Level == cdplog.EntryLevelError || event.Entry.Level == cdplog.EntryLevelWarning {
			tab.problems = append(tab.problems, fmt.Sprintf("%s: %s %s", event.Entry.Source, event.Entry.Text, event.Entry.URL))
		}
	}
}

func words(args []*runtime.RemoteObject) []string {
	var list []string
	for _, arg := range args {
		if arg == nil {
			continue
		}
		list = append(list, string(arg.Value)+arg.Description)
	}
	return list
}
