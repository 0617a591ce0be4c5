package ui

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// meaning is what a browser makes of an attribute's value.
type meaning int

const (
	words meaning = iota
	address
	scriptCode
	styleRules
	document
)

// kind tells what a browser, or a script library that reads data attributes, makes of an attribute by its name.
func kind(attr string) meaning {
	name := strings.TrimPrefix(attr, "data-")
	if _, local, found := strings.Cut(name, ":"); found { // xlink:href, and :src as the libraries write it
		name = local
	}
	switch {
	case strings.HasPrefix(name, "on"):
		return scriptCode
	case name == "style":
		return styleRules
	case name == "srcdoc":
		return document
	case strings.Contains(name, "src"), strings.Contains(name, "url"), strings.Contains(name, "uri"):
		return address
	}
	switch name {
	case "action", "background", "cite", "data", "formaction", "href", "manifest", "ping", "poster":
		return address
	}
	return words
}

var errScheme = errors.New("a value cannot be made safe in an address of this scheme")

// unsafeURL stands for an address that a browser must not follow.
const unsafeURL = "#unsafe-address"

// escapeURL escapes s for an address of which before is there already. An address that s begins may have a harmless
// scheme only; in a query or fragment s is data; elsewhere it keeps the characters that make an address
// (RFC 3986 §2.2).
func escapeURL(before, s string) (string, error) {
	before = strings.TrimSpace(before)
	if before == "" && !harmless(s) {
		return unsafeURL, nil
	}
	if before != "" && !harmless(before) {
		return "", errScheme
	}
	if strings.ContainsAny(before, "?#") {
		return percentEncode(s, "-._~"), nil
	}
	return percentEncode(s, "-._~!#$&*+,/:;=?@[]%"), nil
}

// percentEncode encodes every byte that is neither a letter, a digit nor in kept (RFC 3986 §2.1). A percent sign is
// kept only where it begins an encoded byte.
func percentEncode(s, kept string) string {
	var out strings.Builder
	for i := range len(s) {
		if isPlain(rune(s[i]), kept) && (s[i] != '%' || encoded(s[i:])) {
			out.WriteByte(s[i])
			continue
		}
		fmt.Fprintf(&out, "%%%02X", s[i])
	}
	return out.String()
}

func encoded(s string) bool {
	const digits = "0123456789abcdefABCDEF"
	return len(s) > 2 && strings.IndexByte(digits, s[1]) >= 0 && strings.IndexByte(digits, s[2]) >= 0
}

// harmless reports whether a browser that follows the address runs no script.
func harmless(address string) bool {
	scheme, rest, found := strings.Cut(address, ":")
	if !found || strings.ContainsAny(scheme, "/?#") {
		return true
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "mailto":
		return true
	case "data":
		return strings.HasPrefix(strings.ToLower(rest), "image/")
	}
	return false
}

// escapeCSS escapes for a style sheet: for a string, an address or a word in it (https://www.w3.org/TR/css-syntax-3/).
func escapeCSS(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r >= 0x80 || isPlain(r, " #%,-._") {
			out.WriteRune(r)
			continue
		}
		fmt.Fprintf(&out, `\%06x`, max(r, 1)) // Zero has no escape.
	}
	return out.String()
}

// script is where in JavaScript the next byte stands. Regular expressions are not told from divisions, so a quote in
// one is taken for a string's; escape allows for that.
type script struct {
	in      byte // the quote of the string, or '/' or '*' for a comment; 0 for code
	last    byte
	escaped bool
}

// step moves on by c.
func (s *script) step(c byte) {
	last := s.last
	s.last = c
	switch s.in {
	case 0:
		s.enter(c, last)
	case '/':
		if c == '\n' || c == '\r' {
			s.in = 0
		}
	case '*':
		if c == '/' && last == '*' {
			s.in = 0
		}
	default:
		s.walkString(c)
	}
}

func (s *script) enter(c, last byte) {
	switch {
	case c == '"' || c == '\'' || c == '`':
		s.in, s.escaped = c, false
	case last == '/' && (c == '/' || c == '*'):
		s.in, s.last = c, 0 // so that the star of /*/ is not taken for its end
	}
}

func (s *script) walkString(c byte) {
	switch {
	case s.escaped:
		s.escaped = false
	case c == '\\':
		s.escaped = true
	case c == s.in, c == '\n' && s.in != '`':
		s.in = 0
	}
}

// escape makes value a part of the string that is open, or a string of its own in code. Everything but letters, digits
// and what is harmless in code too is written as a code unit.
func (s *script) escape(value string) string {
	if s.in == '/' || s.in == '*' {
		return "" // Nobody sees a comment.
	}
	var out strings.Builder
	for _, r := range value {
		if isPlain(r, " ,-./:_") {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	if s.in == 0 {
		return `"` + out.String() + `"`
	}
	return out.String()
}

// isPlain reports whether r is an ASCII letter, a digit or one of others.
func isPlain(r rune, others string) bool {
	return 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune(others, r)
}
