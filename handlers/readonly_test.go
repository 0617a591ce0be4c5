package handlers_test

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers"
)

func readOnly(d *handlers.Deps) { d.ReadOnly = true }

func TestReadOnlyRefusesPanicAndSwitches(t *testing.T) {
	t.Parallel()
	url := serve(t, readOnly) // It fails the test when the process is told to end.
	for _, guarded := range [][2]string{
		{"GET", "/panic"},
		{"POST", "/readyz/disable"}, {"POST", "/readyz/enable"},
		{"POST", "/fault_injection/enable"}, {"POST", "/fault_injection/disable"},
	} {
		got := ask(t, guarded[0], url+guarded[1])
		if got.status != 403 || !strings.Contains(got.body, `"code": 403`) ||
			!strings.Contains(got.body, "--read-only") || !strings.Contains(got.body, "PODINFO_READ_ONLY") {
			t.Errorf("%s: got %d %q; want the 403 error object that names the setting", guarded[1], got.status, got.body)
		}
	}
	for path, want := range map[string]string{
		"/readyz": "OK", "/fault_injection/status": `"disabled"`, "/version": `"version"`,
	} {
		if got := ask(t, "GET", url+path); got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("%s: got %d %q; want it to work as ever", path, got.status, got.body)
		}
	}
	if got := ask(t, "GET", url+"/readyz/disable"); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("GET /readyz/disable: got %d, Allow %q; want 405 and POST", got.status, got.header.Get("Allow"))
	}
}

// TestWithheldGoesBeforeReadOnly has a platform where no setting would help.
func TestWithheldGoesBeforeReadOnly(t *testing.T) {
	t.Parallel()
	const reason = "a function's process belongs to its platform"
	url := serve(t, readOnly, func(d *handlers.Deps) {
		d.Withheld = map[handlers.Capability]string{handlers.Exit: reason}
	})
	if got := ask(t, "GET", url+"/panic"); got.status != 501 || !strings.Contains(got.body, reason) {
		t.Errorf("got %d %q; want 501 and the reason", got.status, got.body)
	}
}
