package openapi

import (
	"iter"
	"strconv"
	"strings"
)

// accepts reports whether the fields of an Accept-Encoding header allow coding (RFC 9110 §12.5.3). Without the header
// it would be allowed too, but a client that says nothing is better served with what it can certainly read.
func accepts(fields []string, coding string) bool {
	wildcard := false
	for member := range members(fields) {
		name, parameters, _ := strings.Cut(member, ";")
		allowed := weight(parameters) > 0
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, coding):
			return allowed
		case name == "*":
			wildcard = allowed
		}
	}
	return wildcard
}

// weight reads the q parameter of a member (RFC 9110 §12.4.2); 1 when there is none, 0 when it is no number.
func weight(parameters string) float64 {
	name, value, found := strings.Cut(strings.TrimSpace(parameters), "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return 0
	}
	return q
}

// current reports whether the fields of an If-None-Match header list tag, by weak comparison (RFC 9110 §13.1.2).
func current(fields []string, tag string) bool {
	for member := range members(fields) {
		if member == "*" || strings.TrimPrefix(member, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// members yields the members of a header that is a comma-separated list (RFC 9110 §5.6.1). No value that is looked for
// holds a comma.
func members(fields []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, field := range fields {
			for member := range strings.SplitSeq(field, ",") {
				if !yield(strings.TrimSpace(member)) {
					return
				}
			}
		}
	}
}
