package redact_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/redact"
)

func TestURL(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                                     "",
		"tcp://redis:6379":                     "tcp://redis:6379",
		"http://backend:9898/echo?key=secret":  "http://backend:9898/echo",
		"http://backend/#secret":               "http://backend/",
		"tcp://user:secret@redis:6379/1":       "tcp://user:xxxxx@redis:6379/1",
		"tcp://:secret@redis:6379":             "tcp://:xxxxx@redis:6379",
		"tcp://secret@redis:6379":              "tcp://xxxxx@redis:6379",
		"tcp://user:secret@[::1]:6379?x=y":     "tcp://user:xxxxx@[::1]:6379",
		"user:secret@redis:6379":               "xxxxx@redis:6379",
		"tcp://user:secret/1@redis":            "tcp://xxxxx@redis",
		"tcp://user:sec@ret@redis":             "tcp://xxxxx@redis",
		"tcp://user:%secret@redis":             "tcp://xxxxx@redis",
		"tcp://user:1234#secret@redis":         "tcp://xxxxx@redis",
		"tcp://user:1234?secret@redis?timeout": "tcp://xxxxx@redis",
		"tcp://user:1234/secret@redis":         "tcp://xxxxx@redis",
		"localhost:6379":                       "localhost:6379",
		"://:":                                 "://:",
	}
	for raw, want := range tests {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			if got := redact.URL(raw); got != want {
				t.Errorf("URL(%q) = %q, want %q", raw, got, want)
			}
		})
	}
}

// FuzzURL puts a password before an @ in texts of any shape and expects not to see it again.
func FuzzURL(f *testing.F) {
	seeds := []string{"tcp://u:|@host", "|@host", "http://|@[::1]/a@b", "tcp://u:1#|@h?a=b", "%://u:|%zz@h", "|@"}
	for _, seed := range seeds {
		before, after, _ := strings.Cut(seed, "|")
		f.Add(before, after)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "hunter2"
		if !strings.Contains(after, "@") || strings.Contains(before+after, secret) {
			return
		}
		raw := before + secret + after
		// What stands before :// is a scheme, and a user with a password is no secret.
		if strings.Contains(after, "://") {
			return
		}
		if u, err := url.Parse(raw); err == nil && strings.Contains(u.User.Username(), secret) {
			return
		}
		if got := redact.URL(raw); strings.Contains(got, secret) {
			t.Errorf("URL(%q) = %q, which tells the password", raw, got)
		}
	})
}
