package main

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// encode returns value as one CBOR data item, deterministically encoded.
func (c codec) encode(value any) ([]byte, error) {
	item, err := c.toItem(value, 0)
	if err != nil {
		return nil, err
	}
	data, err := c.enc.Marshal(item)
	if err != nil {
		return nil, err
	}
	return data, c.check(data) // what nobody could decode with these bounds is not handed out
}

// maxNested bounds the recursion of toItem. The exact bound is that of check, which does not count a tag unless its
// content is another.
const maxNested = 2*notation.MaxDepth + 2

// toItem returns what the library makes the data item of value from.
func (c codec) toItem(value any, depth int) (any, error) {
	switch v := value.(type) {
	case nil, bool, int64, uint64, float64, []byte:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, errors.New("this text is not UTF-8; send it as bytes")
		}
		return v, nil
	case []any:
		return c.toArray(v, depth+1)
	case map[string]any:
		return c.toMap(v, depth+1)
	}
	return nil, fmt.Errorf("%s has no form in CBOR; send what JSON has, or bytes", notation.Show(value))
}

func (c codec) toArray(list []any, depth int) (any, error) {
	if depth > maxNested {
		return nil, notation.ErrTooDeep
	}
	items := make([]any, len(list))
	for i, v := range list {
		item, err := c.toItem(v, depth)
		if err != nil {
			return nil, notation.At(i, err)
		}
		items[i] = item
	}
	return items, nil
}

func (c codec) toMap(object map[string]any, depth int) (any, error) {
	if depth > maxNested {
		return nil, notation.ErrTooDeep
	}
	form, is, err := notation.Form(object, forms())
	if err != nil {
		return nil, err
	}
	if is {
		item, err := c.fromForm(form, object, depth)
		if err != nil {
			return nil, notation.At(form, err)
		}
		return item, nil
	}
	items := make(map[string]any, len(object))
	for key, v := range object {
		if !utf8.ValidString(key) {
			return nil, fmt.Errorf("the key %q is not UTF-8", key)
		}
		item, err := c.toItem(v, depth)
		if err != nil {
			return nil, notation.At(key, err)
		}
		items[key] = item
	}
	return items, nil
}

func (c codec) fromForm(form string, object map[string]any, depth int) (any, error) {
	v := object[form]
	switch form {
	case "$bytes":
		return notation.Bytes(v)
	case "$float":
		return notation.Float(v)
	case "$int":
		return toBigInt(v)
	case "$map":
		return c.toKeyed(v, depth)
	case "$simple":
		return toSimple(v)
	case "$time":
		return toTime(v)
	default: // "$tag"
		return c.toTag(v, object["$value"], depth)
	}
}

// maxDigits bounds whole numbers beyond 64 bits, and maxBits is what that many digits take. Both ways between digits
// and bits take time that grows faster than the size: with a large message, more than a call is given.
const (
	maxDigits = 1000
	maxBits   = 3322
)

// toBigInt reads a whole number in decimal digits. The encoder makes an integer of it where one is large enough, and a
// bignum (RFC 8949 §3.4.3) elsewhere.
func toBigInt(v any) (any, error) {
	text, _ := v.(string)
	if digits(text) <= maxDigits {
		if n, ok := new(big.Int).SetString(text, 10); ok {
			return *n, nil
		}
	}
	return nil, fmt.Errorf("%s is no string of up to %d decimal digits", notation.Show(v), maxDigits)
}

// digits returns how many of them a whole number has.
func digits(number string) int { return len(strings.TrimPrefix(number, "-")) }

func (c codec) toKeyed(v any, depth int) (any, error) {
	pairs, err := notation.Pairs(v)
	if err != nil {
		return nil, err
	}
	items := make(map[encodedKey]any, len(pairs))
	for i, pair := range pairs {
		key, err := c.toKey(pair.Key, depth)
		if err != nil {
			return nil, notation.At(i, notation.At(0, err))
		}
		if _, is := items[key]; is {
			return nil, notation.At(i, twice(pair.Key))
		}
		if items[key], err = c.toItem(pair.Value, depth); err != nil {
			return nil, notation.At(i, notation.At(1, err))
		}
	}
	return items, nil
}

func twice(key any) error {
	return fmt.Errorf("the key %s is there twice", notation.Show(key))
}

// encodedKey is a key of a map in its deterministic encoding: unlike values of Go, which have NaN and two zeros, those
// are equal when the keys are the same, and only then.
type encodedKey string

// MarshalCBOR returns the encoding, and never an error.
func (k encodedKey) MarshalCBOR() ([]byte, error) { //nolint:unparam // this is how cbor.Marshaler has it
	return []byte(k), nil
}

// toKey encodes v as a key. It knows no arrays and maps as keys: with keys within keys within keys, the innermost would
// be encoded again for each around it.
func (c codec) toKey(v any, depth int) (encodedKey, error) {
	item, err := c.toItem(v, depth)
	if err != nil {
		return "", err
	}
	if isContainer(item) {
		return "", fmt.Errorf("%s is no key that this plugin knows; keys are numbers, text, bytes, times, true, false, "+
			"null, simple values, and tags of these", notation.Show(v))
	}
	encoded, err := c.enc.Marshal(item)
	return encodedKey(encoded), err
}

// isContainer tells whether item is an array or a map, with or without tags.
func isContainer(item any) bool {
	switch v := item.(type) {
	case []any, map[string]any, map[encodedKey]any:
		return true
	case cbor.Tag:
		return isContainer(v.Content)
	}
	return false
}

func toSimple(v any) (any, error) {
	n, ok := unsigned(v)
	// RFC 8949 §3.3: 24 to 31 are reserved; 20 to 23 are false, true, null and undefined.
	if !ok || n > math.MaxUint8 || n >= 20 && n < 32 {
		return nil, fmt.Errorf("%s is no simple value; they are numbered 0 to 19 and 32 to 255", notation.Show(v))
	}
	return cbor.SimpleValue(n), nil
}

func (c codec) toTag(number, content any, depth int) (any, error) {
	n, ok := unsigned(number)
	if !ok {
		return nil, fmt.Errorf("%s is no tag; tags are numbered 0 to 18446744073709551615", notation.Show(number))
	}
	if n <= 3 {
		return nil, fmt.Errorf(`write tag %d as {"$time": ...} (0 and 1) or {"$int": ...} (2 and 3)`, n)
	}
	item, err := c.toItem(content, depth)
	if err != nil {
		return nil, err
	}
	return cbor.Tag{Number: n, Content: item}, nil
}

func unsigned(v any) (uint64, bool) {
	switch n := v.(type) {
	case uint64:
		return n, true
	case int64:
		return uint64(n), n >= 0 //nolint:gosec // told by the second result
	}
	return 0, false
}
