package info_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/info"
)

func TestSnapshotJSON(t *testing.T) {
	t.Parallel()
	identity := info.Identity{
		Hostname: "pod-1", Version: "1.2.3", Revision: "abc", Color: "#123456", Logo: "/ui/logo.svg", Message: "hello",
	}
	got, err := json.Marshal(identity.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	// The number of goroutines moves while tests run, so the pattern leaves it open; the rest is exact.
	want := fmt.Sprintf(`^\{"hostname":"pod-1","version":"1\.2\.3","revision":"abc","color":"#123456",`+
		`"logo":"/ui/logo\.svg","message":"hello","goos":"%s","goarch":"%s","runtime":"%s",`+
		`"num_goroutine":"[1-9][0-9]*","num_cpu":"%d"\}$`,
		runtime.GOOS, runtime.GOARCH, regexp.QuoteMeta(runtime.Version()), runtime.NumCPU())
	if !regexp.MustCompile(want).Match(got) {
		t.Errorf("Snapshot as JSON is\n%s\nwant a match of\n%s", got, want)
	}
}
