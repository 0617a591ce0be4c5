// Package redact makes addresses fit for a log line, an error text or a page: host, port and path stay, so that a person
// knows which server is meant, while the password goes.
package redact

import (
	"net/url"
	"strings"
)

// mask stands where a secret was. It is the one that net/url writes.
const mask = "xxxxx"

// URL returns raw without its password, query and fragment. Passwords hide in addresses that do not parse as well, so
// there everything up to the last @ is masked, and a user without a password is taken for a token.
func URL(raw string) string {
	raw, _, _ = strings.Cut(raw, "#")
	raw, _, _ = strings.Cut(raw, "?")
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return maskUserinfo(raw)
	}
	if u.User == nil {
		return raw
	}
	if _, has := u.User.Password(); !has {
		u.User = url.User(mask)
	}
	return u.Redacted()
}

// maskUserinfo masks what stands before the last @, after the scheme if there is one.
func maskUserinfo(raw string) string {
	at := strings.LastIndexByte(raw, '@')
	if at < 0 {
		return raw
	}
	scheme, _, found := strings.Cut(raw[:at], "://")
	if !found {
		return mask + raw[at:]
	}
	return scheme + "://" + mask + raw[at:]
}
