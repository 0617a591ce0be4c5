package telemetry_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

func TestPathLabel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                       "root",
		"/":                      "root",
		"/{}/":                   "root",
		"/version":               "version",
		"/api/info":              "api_info",
		"/Api//Info/":            "api_info",
		"/fault_injection/on":    "fault_injection_on",
		"/swagger.json":          "swagger_json",
		"/debug/pprof/*":         "debug_pprof",
		"/cache/{key}":           "cache_key",
		"/chunked/{wait:[0-9]*}": "chunked_wait_0_9",
		"/p/version":             "p_version",
		"cache_key":              "cache_key",
		"/größe":                 "gr_e",
	} {
		if got := telemetry.PathLabel(name); got != want {
			t.Errorf("PathLabel(%q) is %q, want %q", name, got, want)
		}
	}
}

func FuzzPathLabel(f *testing.F) {
	for _, seed := range []string{"", "/", "/cache/{key}", "//A..b__C//", "\xff", "__"} {
		f.Add(seed)
	}
	runs := regexp.MustCompile(`[^A-Za-z0-9]+`)
	f.Fuzz(func(t *testing.T, name string) {
		want := strings.ToLower(strings.Trim(runs.ReplaceAllString(name, "_"), "_"))
		if want == "" {
			want = "root"
		}
		got := telemetry.PathLabel(name)
		if got != want {
			t.Errorf("PathLabel(%q) is %q, want %q", name, got, want)
		}
		if again := telemetry.PathLabel(got); again != got {
			t.Errorf("PathLabel(%q) is %q, and then %q: a label must be its own label", name, got, again)
		}
	})
}
