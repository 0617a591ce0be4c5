package adapter

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// An event is scanned for what a request needs, not unmarshalled: most of it (authorizers, times, parameters twice) is
// never asked for, and reading it would be the greatest part of an invocation's cost. Lambda's events are valid JSON.
// In what is not, a scan ends early; nothing here trusts the input further than that.

// members yields the members of a JSON object, each name without its quotes and each value as it stands. It yields
// nothing for what is no object.
func members(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		i, ok := opened(raw, '{')
		for ok && i < len(raw) && raw[i] == '"' {
			end := valueEnd(raw, i)
			if end < 0 {
				return
			}
			name := raw[i+1 : end-1]
			start := skipSpace(raw, end)
			if start >= len(raw) || raw[start] != ':' {
				return
			}
			start = skipSpace(raw, start+1)
			if end = valueEnd(raw, start); end < 0 || !yield(name, raw[start:end]) {
				return
			}
			i, ok = next(raw, end)
		}
	}
}

// elements yields the elements of a JSON array, as they stand.
func elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i, ok := opened(raw, '[')
		for ok {
			end := valueEnd(raw, i)
			if end < 0 || !yield(raw[i:end]) {
				return
			}
			i, ok = next(raw, end)
		}
	}
}

// text is the value of a JSON string, and "" for null and everything else.
func text(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	return unquote(raw[1 : len(raw)-1])
}

// unquote is what stands between the quotes of a JSON string. The ordinary case is a copy; encoding/json does the rest.
func unquote(inner []byte) string {
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	quoted := make([]byte, 0, len(inner)+2)
	quoted = append(quoted, '"')
	quoted = append(quoted, inner...)
	quoted = append(quoted, '"')
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

// isObject tells whether a value is a JSON object.
func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }

// isTrue tells whether a value is true.
func isTrue(raw []byte) bool { return string(raw) == "true" }

// opened steps behind the bracket that opens an object or an array, to its first item.
func opened(raw []byte, bracket byte) (int, bool) {
	i := skipSpace(raw, 0)
	if i >= len(raw) || raw[i] != bracket {
		return 0, false
	}
	return skipSpace(raw, i+1), true
}

// next steps from the end of an item to the start of the one that follows.
func next(raw []byte, end int) (int, bool) {
	i := skipSpace(raw, end)
	if i >= len(raw) || raw[i] != ',' {
		return 0, false
	}
	return skipSpace(raw, i+1), true
}

// valueEnd is the index behind the value that starts at i, or -1 where there is none.
func valueEnd(raw []byte, i int) int {
	if i >= len(raw) {
		return -1
	}
	switch raw[i] {
	case '"':
		return stringEnd(raw, i)
	case '{', '[':
		return nestedEnd(raw, i)
	default:
		return scalarEnd(raw, i)
	}
}

func stringEnd(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// nestedEnd counts brackets instead of recursing, so that no event is nested too deeply for the stack.
func nestedEnd(raw []byte, i int) int {
	for depth := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			end := stringEnd(raw, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func scalarEnd(raw []byte, start int) int {
	for i := start; i < len(raw); i++ {
		switch raw[i] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			if i == start {
				return -1
			}
			return i
		}
	}
	return len(raw)
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}
