package handlers

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// appendHeaderJSON appends h as the JSON that json.MarshalIndent makes of it, with two spaces, at a tenth of the cost:
// /headers is what people put under load to see headers pass a proxy. A test holds the two against each other. The
// fields in add take the place of those that h has under their names.
func appendHeaderJSON(b []byte, h http.Header, add ...headerField) []byte {
	var stack [32]headerField // most requests have fewer fields, and cost no allocation
	fields := append(stack[:0], add...)
	for name, values := range h {
		if !slices.ContainsFunc(add, func(f headerField) bool { return f.name == name }) {
			fields = append(fields, headerField{name, values})
		}
	}
	if len(fields) == 0 {
		return append(b, "{}"...)
	}
	slices.SortFunc(fields, func(x, y headerField) int { return strings.Compare(x.name, y.name) })
	b = append(b, '{')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, "\n  "...)
		b = appendString(b, f.name)
		b = append(b, ": "...)
		b = appendValues(b, f.values)
	}
	return append(b, "\n}"...)
}

// headerField is a field of a request's header with all its values.
type headerField struct {
	name   string
	values []string
}

func appendValues(b []byte, values []string) []byte {
	if len(values) == 0 {
		return append(b, "[]"...)
	}
	b = append(b, '[')
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, "\n    "...)
		b = appendString(b, value)
	}
	return append(b, "\n  ]"...)
}

// appendString appends s as a JSON string, leaving all but plain ASCII to encoding/json.
func appendString(b []byte, s string) []byte {
	if !plainASCII(s) {
		quoted, err := json.Marshal(s)
		if err != nil { // A string always marshals.
			panic(err)
		}
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// plainASCII tells whether s stands in JSON as it is.
func plainASCII(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c >= utf8.RuneSelf, c == '"', c == '\\', c == '<', c == '>', c == '&', c == 0x7f:
			return false
		}
	}
	return true
}
