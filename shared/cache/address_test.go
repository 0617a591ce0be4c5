package cache_test

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/cache"
)

const secret = "hunter2"

func TestOpenAddress(t *testing.T) {
	t.Parallel()
	valid := []string{
		"",
		"tcp://localhost:6379",
		"tcp://localhost",
		"tcp://[::1]:6379",
		"tcp://user:" + secret + "@redis.cache.svc:6379/3",
		"tcp://:" + secret + "@redis:6379",
		"redis://redis:6379?db=2&dial_timeout=1s&read_timeout=1&pool_size=4&max_retries=-1",
		"rediss://redis:6380/1?skip_verify=true",
		"memory://",
		"memory:///",
		"memory://?max-size=1024",
		"memory://?max-size=64KiB",
		"memory://?max-size=64MiB",
		"memory://?max-size=1GiB",
	}
	for _, server := range valid {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			open(t, server)
		})
	}
}

func TestOpenBadAddress(t *testing.T) {
	t.Parallel()
	const (
		forms      = "use tcp://host:port or memory://"
		invalidURL = "not a valid URL (a password must be percent-encoded); " + forms
		memory     = "a cache in memory has no host, user or path; use memory://?max-size=64MiB"
		size       = "use a whole number of bytes, KiB, MiB or GiB, such as 64MiB"
	)
	tests := []struct {
		server string
		shown  string // how the error names it, if not as it is
		want   string
	}{
		{"localhost:6379", "", "missing scheme; " + forms},
		{"redis", "", "missing scheme; " + forms},
		{"user:" + secret + "@host:1", "xxxxx@host:1", "missing scheme; " + forms},
		{"tcp:/redis", "", "missing host; " + forms},
		{"tcp://", "", "missing host; " + forms},
		{"tcp://:6379", "", "missing host; " + forms},
		{"http://redis:6379", "", `unknown scheme "http"; ` + forms},
		{"tcp://redis:port", "", invalidURL},
		{"tcp://u:" + secret + "/@h:1", "tcp://xxxxx@h:1", invalidURL},
		{"tcp://u:" + secret + "%z@h", "tcp://xxxxx@h", invalidURL},
		{"tcp://u:1?" + secret + "@h", "tcp://xxxxx@h", invalidURL},
		{"tcp://redis/one", "", `invalid database number: "one"`},
		{"tcp://redis/1/2", "", "invalid URL path: /1/2"},
		{"tcp://redis?pw=" + secret, "tcp://redis", "unexpected option: pw"},
		{"tcp://redis?skip_verify=1", "tcp://redis", "unexpected option: skip_verify"},
		{"memory://host", "", memory},
		{"memory:///path", "", memory},
		{"memory://user@", "memory://xxxxx@", memory},
		{"memory://?size=1", "memory://", `unknown option "size"; use memory://?max-size=64MiB`},
		{"memory://?max-size=64MB", "memory://", `max-size "64MB" is no size; ` + size},
		{"memory://?max-size=", "memory://", `max-size "" is no size; ` + size},
		{"memory://?max-size=0", "memory://", `max-size "0" is no size; ` + size},
		{"memory://?max-size=-1MiB", "memory://", `max-size "-1MiB" is no size; ` + size},
		{"memory://?max-size=9e9", "memory://", `max-size "9e9" is no size; ` + size},
		{"memory://?max-size=9999999999GiB", "memory://", `max-size "9999999999GiB" is no size; ` + size},
		{"memory://?%zz", "memory://", "not a valid query; use memory://?max-size=64MiB"},
	}
	for _, test := range tests {
		t.Run(test.server, func(t *testing.T) {
			t.Parallel()
			c, err := cache.Open(test.server, cache.Options{})
			want := fmt.Sprintf("--cache-server %q: %s", cmp.Or(test.shown, test.server), test.want)
			if err == nil || err.Error() != want {
				t.Errorf("Open: %v\nwant:  %s", err, want)
			}
			// The process starts anyway; its calls fail.
			failsWith(t, c, cache.ErrUnavailable)
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// FuzzOpen feeds addresses of any shape around a password: whatever is wrong with them, it is not told.
func FuzzOpen(f *testing.F) {
	for _, seed := range [][2]string{
		{"tcp://user:", "@host:6379/1"},
		{"rediss://:", "@[::1]:6379?read_timeout=x"},
		{"", "@host"},
		{"tcp://user:1?", "@host"},
		{"tcp://user:1/", "@host"},
		{"tcp://user:1#", "@host"},
		{"tcp://", "@"},
		{"memory://", "@?max-size=1"},
		{"tcp://a:b@c:", "@d/e/f"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		if !strings.Contains(after, "@") || strings.Contains(after, "://") || strings.Contains(before+after, secret) {
			return
		}
		if u, err := url.Parse(before + secret + after); err == nil && strings.Contains(u.User.Username(), secret) {
			return // a user's name is told
		}
		c, err := cache.Open(before+secret+after, cache.Options{})
		if c == nil {
			t.Fatal("Open returned no cache")
		}
		defer c.Close()
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the password is in %q", err)
		}
	})
}
