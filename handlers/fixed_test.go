package handlers_test

import (
	"encoding/json"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/shared/info"
)

func TestInfoShowsThePlatformsFieldsLast(t *testing.T) {
	t.Parallel()
	const awkward = "q\"b\\l\n<ü>\u2028\xff"
	for _, tc := range []struct {
		name   string
		fields []info.Field
		want   string // of the end of the answer
	}{
		{"none", nil, "\n}"},
		{"in their order", []info.Field{{Name: "k_service", Value: "podinfo"}, {Name: "k_revision", Value: ""}},
			",\n  \"k_service\": \"podinfo\",\n  \"k_revision\": \"\"\n}"},
		{"text that JSON escapes", []info.Field{{Name: "a", Value: awkward}},
			",\n  \"a\": \"q\\\"b\\\\l\\n\\u003cü\\u003e\\u2028\\ufffd\"\n}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(d *handlers.Deps) { d.Identity.Platform = tc.fields })
			got := ask(t, "GET", url+"/api/info")
			var members map[string]string
			if err := json.Unmarshal([]byte(got.body), &members); err != nil {
				t.Fatalf("%q is no object of strings: %v", got.body, err)
			}
			if len(members) != 11+len(tc.fields) {
				t.Errorf("it has %d members, want %d", len(members), 11+len(tc.fields))
			}
			end := `"num_goroutine": "[1-9][0-9]*",` + "\n" + `  "num_cpu": "` + strconv.Itoa(runtime.NumCPU()) + `"` +
				regexp.QuoteMeta(tc.want) + `$`
			if !regexp.MustCompile(end).MatchString(got.body) {
				t.Errorf("the answer is\n%s\nwant its end to match\n%s", got.body, end)
			}
		})
	}
}
