// Package redact makes addresses fit for a log line, an error text or a page: scheme, host, port and path stay, so
// that a person knows which server is meant, while the password goes.
package redact

import (
	"net/url"
	"strings"
)

// mask stands where a secret was. It is the one that net/url writes.
const mask = "xxxxx"

// URL returns raw without its password, query and fragment. A user without a password is taken for a token and goes
// too.
//
// Raw does not have to be a valid URL: an unescaped password is the usual reason why it is not, or why it reads as an
// entirely different one. So whenever an @ stands anywhere but between user and host, everything before the last one
// goes.
func URL(raw string) string {
	u, err := url.Parse(raw)
	if n := strings.Count(raw, "@"); n > 1 || n == 1 && (err != nil || u.User == nil) {
		return withoutOptions(maskUserinfo(raw))
	}
	if err != nil || u.User == nil {
		return withoutOptions(raw)
	}
	if _, has := u.User.Password(); !has {
		u.User = url.User(mask)
	}
	return withoutOptions(u.Redacted())
}

// maskUserinfo masks what stands before the last @, but for the scheme.
func maskUserinfo(raw string) string {
	at := strings.LastIndexByte(raw, '@')
	scheme, _, found := strings.Cut(raw[:at], "://")
	if !found {
		return mask + raw[at:]
	}
	return scheme + "://" + mask + raw[at:]
}

func withoutOptions(raw string) string {
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		return raw[:i]
	}
	return raw
}
