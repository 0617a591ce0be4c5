package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podinfo-targets/podinfo/handlers/openapi"
	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/browser"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// Swagger UI lists every operation, under any prefix and in both schemes, without a complaint from the browser.
func TestSwaggerUI(t *testing.T) {
	t.Parallel()
	operations, err := openapi.Operations()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		view   browser.View
		prefix string
	}{
		{"desk", desk, ""},
		{"desk dark", deskDark, "/p"},
		{"phone", phone, "/a/b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := testkit.StartPodinfo(t, "--prefix="+tt.prefix).URL
			tab := browser.Open(t, tt.view)
			tab.Do(chromedp.Navigate(server + tt.prefix + "/swagger/"))
			tab.Wait(fmt.Sprintf(`document.querySelectorAll('.opblock').length === %d`, len(operations)))
			tab.Screenshot("swagger " + tt.name)
			clean(t, tab, server)
		})
	}
}

// "Try it out" sends the request to this server, under its prefix, and shows the answer.
func TestSwaggerUITriesItOut(t *testing.T) {
	t.Parallel()
	server := testkit.StartPodinfo(t, "--prefix=/p").URL
	tab := browser.Open(t, desk)
	tab.Do(chromedp.Navigate(server + "/p/swagger/#/Info/version"))
	const operation = "#operations-Info-version "
	tab.Press(operation + ".try-out__btn")
	tab.Press(operation + ".execute")
	tab.Wait(fmt.Sprintf("document.querySelector(%q)", operation+".live-responses-table .response-col_status"))
	tab.Screenshot("swagger, tried")
	for selector, want := range map[string]string{
		".live-responses-table tbody .response-col_status": "200",
		".live-responses-table":                            version.Version,
		".request-url":                                     server + "/p/version",
	} {
		if got := text(tab, operation+selector); !strings.Contains(got, want) {
			t.Errorf("%s shows %q, want %s", selector, got, want)
		}
	}
	clean(t, tab, server)
}
