package env_test

import (
	"testing"

	"github.com/podinfo-targets/podinfo/shared/env"
)

// TestLookup takes the first of several with one name.
func TestLookup(t *testing.T) {
	t.Parallel()
	get := env.Lookup([]string{"A=1", "AB=2=3", "EMPTY=", "BROKEN", "A=2"})
	for name, want := range map[string]string{"A": "1", "AB": "2=3", "EMPTY": "", "BROKEN": "", "B": ""} {
		if got := get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
