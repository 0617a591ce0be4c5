package config_test

import (
	"path"
	"strings"
	"testing"
	"unicode"

	"github.com/podinfo-targets/podinfo/shared/config"
)

func TestNormalizePrefix(t *testing.T) {
	t.Parallel()
	tests := []struct{ prefix, want string }{
		{"", ""},
		{"/", ""},
		{".", ""},
		{" / ", ""},
		{"//", ""},
		{"..", ""},
		{"api", "/api"},
		{"api/", "/api"},
		{"/api", "/api"},
		{" /api ", "/api"},
		{"/a//b/../c", "/a/c"},
		{"/a/./b/", "/a/b"},
		{"/../../a", "/a"},
		{"/a.b_c-d~e", "/a.b_c-d~e"},
		{"/café", "/café"},
	}
	for _, tt := range tests {
		if got, err := config.NormalizePrefix(tt.prefix); err != nil || got != tt.want {
			t.Errorf("NormalizePrefix(%q) is %q and %v, want %q", tt.prefix, got, err, tt.want)
		}
	}
	for _, bad := range []string{"/{x}", "/a?b", "/a#b", "/a%2Fb", "/a b", "/a\\b", "/a\nb", "/a\xff", "/a\x00", "/<a>"} {
		if got, err := config.NormalizePrefix(bad); err == nil {
			t.Errorf("NormalizePrefix(%q) is %q, want an error: no URL's path starts so", bad, got)
		}
	}
}

// FuzzNormalizePrefix holds what routes rely on: a prefix can be put in front of any path, and is stable.
func FuzzNormalizePrefix(f *testing.F) {
	for _, seed := range []string{"", "/", "api/", "/a//b/../c", " . ", "/{x}", "/\xff", "/../..", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		got, err := config.NormalizePrefix(prefix)
		if err != nil {
			return
		}
		if again, err := config.NormalizePrefix(got); err != nil || again != got {
			t.Errorf("%q becomes %q, which becomes %q (%v)", prefix, got, again, err)
		}
		if got == "" {
			return
		}
		if got[0] != '/' || got == "/" || path.Clean(got) != got {
			t.Errorf("%q becomes %q, want a clean path below the root", prefix, got)
		}
		if strings.ContainsAny(got, "{}?#%") || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%q becomes %q, which no path can start with", prefix, got)
		}
	})
}
