package logging

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendValue appends the value of a field as JSON. Errors are their text, durations are seconds, times are as the
// time of the line, and URLs lose their password. Whatever JSON has no word for is written as text, so that a strange
// value never costs the line.
func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case float64:
		return appendFloat(b, v)
	case time.Duration:
		return appendFloat(b, v.Seconds())
	case time.Time:
		return appendTime(b, v)
	case *url.URL:
		return appendString(b, v.Redacted())
	case error:
		return appendString(b, fmt.Sprint(v)) // Sprint survives an Error method that panics, as on a nil pointer.
	case json.Marshaler, encoding.TextMarshaler:
		return appendJSON(b, v)
	case fmt.Stringer:
		return appendString(b, fmt.Sprint(v))
	}
	return appendJSON(b, value)
}

// appendJSON appends what package json makes of a value, or its text when that fails or panics.
func appendJSON(b []byte, value any) (out []byte) {
	defer func() {
		if recover() != nil {
			out = appendString(b, fmt.Sprintf("%T", value))
		}
	}()
	encoded, err := json.Marshal(value)
	if err != nil {
		return appendString(b, fmt.Sprint(value))
	}
	return append(b, encoded...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeFormat)
	return append(b, '"')
}

// appendFloat appends a number, or as text the ones that JSON does not have.
func appendFloat(b []byte, number float64) []byte {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return appendString(b, strconv.FormatFloat(number, 'g', -1, 64))
	}
	return strconv.AppendFloat(b, number, 'f', -1, 64)
}

// appendString appends a JSON string (RFC 8259 section 7). Unlike package json it leaves <, > and & readable, since a
// log is no web page. Bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		char, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case char == '"' || char == '\\':
			b = append(b, '\\', byte(char))
		case char == '\n':
			b = append(b, '\\', 'n')
		case char == '\t':
			b = append(b, '\\', 't')
		case char < ' ' || char == 0x7f:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[char>>4], hex[char&0xf])
		default:
			b = utf8.AppendRune(b, char)
		}
		i += size
	}
	return append(b, '"')
}
