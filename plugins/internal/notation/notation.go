// Package notation writes down, in values that JSON can hold, what binary protocols have and JSON lacks. Each is an
// object with a key that begins with $:
//
//	{"$bytes": "AQI="}                       bytes, in base64 (RFC 4648 §4)
//	{"$float": "NaN"}                        also "Infinity" and "-Infinity"
//	{"$time": "2013-03-21T20:04:00Z"}        a point in time (RFC 3339)
//	{"$map": [[1, "one"], [true, "two"]]}    a map with keys that are no strings, or that begin with $
//
// A protocol may have more of them. So that an object means one thing only, a map that has a key which begins with $ is
// always written as $map. Bytes are read in this form, but decoders answer []byte, which the API writes as base64.
package notation

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// MaxDepth is how many arrays, maps and the like may lie within each other, and MaxItems how many values there may be
// in one that is decoded: a byte of a binary format can become a value of 40 bytes. One that becomes an object of JSON
// takes hundreds, and counts as ObjectCost values.
const (
	MaxDepth   = 32
	MaxItems   = 1 << 18
	ObjectCost = 4
)

// ErrTooDeep and ErrTooMany say that a value goes beyond the bounds.
var (
	ErrTooDeep = fmt.Errorf("it is nested deeper than %d levels", MaxDepth)
	ErrTooMany = fmt.Errorf("it has more than %d values; split it", MaxItems)
)

// Pair is a key of a map and what belongs to it.
type Pair struct{ Key, Value any }

// Form tells whether object stands for something that JSON lacks, and returns the key that says what. The error says
// that it has other keys beside that and those in with.
func Form(object map[string]any, known map[string][]string) (key string, is bool, err error) {
	special := slices.Sorted(func(yield func(string) bool) {
		for k := range object {
			if strings.HasPrefix(k, "$") && !yield(k) {
				return
			}
		}
	})
	if len(special) == 0 {
		return "", false, nil
	}
	for _, key := range special {
		with, ok := known[key]
		if ok && onlyKeys(object, key, with) {
			return key, true, nil
		}
	}
	return "", false, fmt.Errorf("%q in an object stands for what JSON lacks, and this is none of %s; "+
		`an object with such a key is written as {"$map": [[key, value], ...]}`, special[0], shapes(known))
}

func onlyKeys(object map[string]any, key string, with []string) bool {
	for _, k := range with {
		if _, ok := object[k]; !ok {
			return false
		}
	}
	_, ok := object[key]
	return ok && len(object) == 1+len(with)
}

// shapes lists the forms for an error.
func shapes(known map[string][]string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(known)) {
		var members []string
		for _, k := range append([]string{key}, known[key]...) {
			members = append(members, fmt.Sprintf("%q: ...", k))
		}
		list = append(list, "{"+strings.Join(members, ", ")+"}")
	}
	return strings.Join(list, ", ")
}

// Bytes reads what belongs to $bytes.
func Bytes(v any) ([]byte, error) {
	if b, ok := v.([]byte); ok {
		return b, nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s is no base64; bytes are a string such as \"AQI=\"", Show(v))
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no base64 with padding (RFC 4648 section 4): %w", Show(v), err)
	}
	return b, nil
}

// Float reads what belongs to $float.
func Float(v any) (float64, error) {
	switch v {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	return 0, fmt.Errorf(`%s is none of "NaN", "Infinity" and "-Infinity"; other numbers are written as they are`, Show(v))
}

// Whole returns v as package contract has whole numbers when it is a float64 that is exactly one, within 64 bits, and
// else v itself: some clients write 17.0 for what is 17 by its meaning.
func Whole(v any) any {
	f, ok := v.(float64)
	switch {
	case !ok || f != math.Trunc(f):
		return v
	case f >= -1<<63 && f < 1<<63:
		return int64(f)
	case f >= 1<<63 && f < 1<<64:
		return uint64(f)
	}
	return v
}

// FromFloat returns f, in a form when JSON cannot hold it.
func FromFloat(f float64) any {
	if text := FloatName(f); text != "" {
		return map[string]any{"$float": text}
	}
	return f
}

// FloatName returns what JSON has no number for as text, and "" for any other number.
func FloatName(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return ""
}

// Time reads what belongs to $time.
func Time(v any) (time.Time, error) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is no time of RFC 3339 such as \"2013-03-21T20:04:00Z\"", Show(v))
	}
	return t, nil
}

// FromTime returns the form of t, or false when t is in no year that RFC 3339 can write.
func FromTime(t time.Time) (any, bool) {
	t = t.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return nil, false
	}
	return map[string]any{"$time": t.Format(time.RFC3339Nano)}, true
}

// Pairs reads what belongs to $map.
func Pairs(v any) ([]Pair, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf(`%s is no list of pairs; write {"$map": [[key, value], ...]}`, Show(v))
	}
	pairs := make([]Pair, len(list))
	for i, entry := range list {
		pair, _ := entry.([]any)
		if len(pair) != 2 {
			return nil, At(i, fmt.Errorf(`%s is no pair; write [key, value]`, Show(entry)))
		}
		pairs[i] = Pair{pair[0], pair[1]}
	}
	return pairs, nil
}

// FromPairs returns a map: as an object when its keys allow it, else in a form that keeps the order of pairs.
func FromPairs(pairs []Pair) any {
	object := make(map[string]any, len(pairs))
	for _, p := range pairs {
		key, ok := p.Key.(string)
		if !ok || strings.HasPrefix(key, "$") {
			return listed(pairs)
		}
		object[key] = p.Value
	}
	return object
}

func listed(pairs []Pair) any {
	list := make([]any, len(pairs))
	for i, p := range pairs {
		list[i] = []any{p.Key, p.Value}
	}
	return map[string]any{"$map": list}
}

// Encoded returns the bytes that Decode of a plugin was called with.
func Encoded(v any) ([]byte, error) {
	data, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("%s cannot be decoded; send bytes, or as JSON a string of them in base64", Show(v))
	}
	return data, nil
}
