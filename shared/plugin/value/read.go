package value

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// FromJSON reads one JSON text (RFC 8259). Objects become map[string]any and arrays []any. A number written without
// fraction and exponent becomes an int64, or a uint64 when it is larger than that; any other is a float64. Errors are
// contract.ErrInvalid, or contract.ErrTooLarge for more values than a plugin is to be bothered with.
func FromJSON(data []byte) (any, error) {
	if f := check(data); f != nil {
		return nil, f
	}
	r := &reader{text: data, left: maxValues}
	v, f := r.value(0)
	if f != nil {
		return nil, f
	}
	return v, nil
}

// EncodedFromJSON reads what a plugin is to decode. It is what FromJSON makes of data, but that a string is the bytes
// in base64 (RFC 4648 §4), as ToJSON writes them. Errors are those of FromJSON.
func EncodedFromJSON(data []byte) (any, error) {
	v, err := FromJSON(data)
	if err != nil {
		return nil, err
	}
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, invalid("a JSON string to decode has to be the bytes in base64 with padding (RFC 4648 section 4)", err)
	}
	return decoded, nil
}

// check says what is wrong with data as a whole.
func check(data []byte) *fault {
	if len(bytes.TrimSpace(data)) == 0 {
		return invalid("there is no JSON; send null for no value", nil)
	}
	if !utf8.Valid(data) {
		return invalid("the JSON is not UTF-8", nil)
	}
	if json.Valid(data) {
		return nil
	}
	err := json.Unmarshal(data, new(json.RawMessage)) // It tells what Valid does not.
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalid(fmt.Sprintf("this is not one JSON text, see byte %d", syntax.Offset), err)
	}
	return invalid("this is not JSON", err)
}

func invalid(text string, cause error) *fault {
	return &fault{kind: contract.ErrInvalid, text: text, cause: cause}
}

// reader builds a value from a JSON text that is known to be valid, which is why it looks for no mistakes of grammar.
// encoding/json by itself takes the last of two members that have one name, and every number for a float64; by its
// tokens it takes ten times as long.
type reader struct {
	text []byte
	at   int // where the rest begins
	left int // values that may still come
}

func (r *reader) value(depth int) (any, *fault) {
	if r.left == 0 {
		return nil, &fault{kind: contract.ErrTooLarge, text: fmt.Sprintf("the JSON holds more than %d values", maxValues)}
	}
	r.left--
	r.skipBlanks()
	switch r.text[r.at] {
	case '[', '{':
		return r.container(depth + 1)
	case '"':
		s, f := r.string()
		if f != nil {
			return nil, f
		}
		return s, nil
	case 'n':
		r.at += len("null")
		return nil, nil
	case 't':
		r.at += len("true")
		return true, nil
	case 'f':
		r.at += len("false")
		return false, nil
	default:
		return r.number()
	}
}

func (r *reader) skipBlanks() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

func (r *reader) container(depth int) (any, *fault) {
	if depth > maxDepth {
		return nil, invalid(fmt.Sprintf("the JSON is nested deeper than %d levels", maxDepth), nil)
	}
	open := r.text[r.at]
	r.at++
	if open == '{' {
		return r.object(depth)
	}
	return r.array(depth)
}

// more tells whether another element or member comes before end, and moves to it, or else past the end.
func (r *reader) more(end byte) bool {
	r.skipBlanks()
	switch r.text[r.at] {
	case end:
		r.at++
		return false
	case ',':
		r.at++
	}
	return true
}

func (r *reader) array(depth int) (any, *fault) {
	list := []any{}
	for r.more(']') {
		v, f := r.value(depth)
		if f != nil {
			return nil, f.inElement(len(list))
		}
		list = append(list, v)
	}
	return list, nil
}

func (r *reader) object(depth int) (any, *fault) {
	members := map[string]any{}
	for r.more('}') {
		r.skipBlanks()
		name, f := r.string()
		if f != nil {
			return nil, f
		}
		if _, twice := members[name]; twice {
			return nil, invalid("the JSON has a member twice", nil).inMember(name)
		}
		r.skipBlanks()
		r.at++ // the colon
		v, f := r.value(depth)
		if f != nil {
			return nil, f.inMember(name)
		}
		members[name] = v
	}
	return members, nil
}

// string reads a string. encoding/json undoes its escapes when it has any.
func (r *reader) string() (string, *fault) {
	start, escaped := r.at, false
	for r.at++; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			escaped = true
			r.at++ // What follows ends no string.
		}
	}
	r.at++
	quoted := r.text[start:r.at]
	if !escaped {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	if f := checkSurrogates(quoted); f != nil {
		return "", f
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // It is a valid string.
	return s, nil
}

// checkSurrogates refuses half of a surrogate pair, which stands for no character (RFC 8259 §8.2): encoding/json would
// put U+FFFD in its place.
func checkSurrogates(quoted []byte) *fault {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		first := escapedUnit(quoted[i:])
		switch {
		case !utf16.IsSurrogate(first):
			i++
		case utf16.DecodeRune(first, escapedUnit(quoted[i+unitLength:])) == unicode.ReplacementChar:
			return invalid(fmt.Sprintf("there is half a character in the text by its escape \\u%04x", first), nil)
		default:
			i += 2*unitLength - 1
		}
	}
	return nil
}

// unitLength is the length of \uXXXX.
const unitLength = 6

// escapedUnit returns the unit of UTF-16 that text begins with as \uXXXX, or -1.
func escapedUnit(text []byte) rune {
	if !bytes.HasPrefix(text, []byte(`\u`)) {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:unitLength]), 16, 16) // All four digits are there: the JSON is valid.
	if err != nil {
		return -1
	}
	return rune(unit)
}

func (r *reader) number() (any, *fault) {
	start := r.at
	for r.at < len(r.text) && strings.IndexByte("+-.0123456789Ee", r.text[r.at]) >= 0 {
		r.at++
	}
	return number(string(r.text[start:r.at]))
}

func number(text string) (any, *fault) {
	if strings.ContainsAny(text, ".eE") || text == "-0" { // Whole numbers have no sign on their zero.
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, invalid("the number "+shortened(text)+" does not fit into a float64", nil)
		}
		return f, nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return u, nil
	}
	return nil, invalid("the whole number "+shortened(text)+" does not fit into 64 bits; "+
		"send it as a string, or with an exponent when its first digits are enough", nil)
}
