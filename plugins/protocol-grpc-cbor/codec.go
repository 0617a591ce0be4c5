package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// codec turns values into CBOR and back. It is used concurrently.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// newCodec fails when the options contradict each other.
func newCodec() (codec, error) {
	encoding := cbor.CoreDetEncOptions()              // RFC 8949 §4.2.1
	encoding.NilContainers = cbor.NilContainerAsEmpty // no bytes are bytes
	enc, err := encoding.EncMode()
	if err != nil {
		return codec{}, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF, // RFC 8949 §5.6: a map with duplicate keys is not valid
		IntDec:           cbor.IntDecConvertSignedOrBigInt,
		MaxNestedLevels:  notation.MaxDepth,
		MaxArrayElements: notation.MaxItems,
		MaxMapPairs:      notation.MaxItems,
	}.DecMode()
	return codec{enc, dec}, err
}

// forms are what CBOR has and JSON lacks, beside what package notation describes: whole numbers beyond 64 bits, tags
// (RFC 8949 §3.4) and simple values (§3.3).
func forms() map[string][]string {
	return map[string][]string{
		"$bytes": nil, "$float": nil, "$int": nil, "$map": nil, "$simple": nil, "$tag": {"$value"}, "$time": nil,
	}
}

// encode returns value as one CBOR data item, deterministically encoded.
func (c codec) encode(value any) ([]byte, error) {
	item, err := toItem(value, 0)
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
func toItem(value any, depth int) (any, error) {
	switch v := value.(type) {
	case nil, bool, int64, uint64, float64, []byte:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, errors.New("this text is not UTF-8; send it as bytes")
		}
		return v, nil
	case []any:
		return toArray(v, depth+1)
	case map[string]any:
		return toMap(v, depth+1)
	}
	return nil, fmt.Errorf("%s has no form in CBOR; send what JSON has, or bytes", notation.Show(value))
}

func toArray(list []any, depth int) (any, error) {
	if depth > maxNested {
		return nil, notation.ErrTooDeep
	}
	items := make([]any, len(list))
	for i, v := range list {
		item, err := toItem(v, depth)
		if err != nil {
			return nil, notation.At(i, err)
		}
		items[i] = item
	}
	return items, nil
}

func toMap(object map[string]any, depth int) (any, error) {
	if depth > maxNested {
		return nil, notation.ErrTooDeep
	}
	form, is, err := notation.Form(object, forms())
	if err != nil {
		return nil, err
	}
	if is {
		item, err := fromForm(form, object, depth)
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
		item, err := toItem(v, depth)
		if err != nil {
			return nil, notation.At(key, err)
		}
		items[key] = item
	}
	return items, nil
}

func fromForm(form string, object map[string]any, depth int) (any, error) {
	v := object[form]
	switch form {
	case "$bytes":
		return notation.Bytes(v)
	case "$float":
		return notation.Float(v)
	case "$int":
		return toBigInt(v)
	case "$map":
		return toKeyed(v, depth)
	case "$simple":
		return toSimple(v)
	case "$time":
		return toTime(v)
	default: // "$tag"
		return toTag(v, object["$value"], depth)
	}
}

// maxDigits bounds whole numbers beyond 64 bits, and maxBits is what that many digits take. Both ways between digits and
// bits take time that grows faster than the size: with a large message, more than a call is given.
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

func toKeyed(v any, depth int) (any, error) {
	pairs, err := notation.Pairs(v)
	if err != nil {
		return nil, err
	}
	items := make(map[any]any, len(pairs))
	for i, pair := range pairs {
		key, err := toKey(pair.Key, depth)
		if err != nil {
			return nil, notation.At(i, notation.At(0, err))
		}
		if _, twice := items[key]; twice {
			return nil, notation.At(i, fmt.Errorf("the key %s is there twice", notation.Show(pair.Key)))
		}
		if items[key], err = toItem(pair.Value, depth); err != nil {
			return nil, notation.At(i, notation.At(1, err))
		}
	}
	return items, nil
}

// toKey returns v as the key of a Go map, in which equal keys are equal data items.
func toKey(v any, depth int) (any, error) {
	item, err := toItem(v, depth)
	if err != nil {
		return nil, err
	}
	key, ok := keyed(item)
	if !ok {
		return nil, fmt.Errorf("%s cannot be a key; keys are numbers other than NaN, text, bytes, times and simple values",
			notation.Show(v))
	}
	return key, nil
}

func keyed(item any) (key any, ok bool) {
	switch v := item.(type) {
	case []byte:
		return cbor.ByteString(v), true
	case uint64:
		if v <= math.MaxInt64 {
			return int64(v), true
		}
	case float64:
		return v, !math.IsNaN(v) // which does not equal itself
	case cbor.Tag:
		content, ok := keyed(v.Content)
		return cbor.Tag{Number: v.Number, Content: content}, ok
	}
	return item, item == nil || reflect.ValueOf(item).Comparable()
}

func toSimple(v any) (any, error) {
	n, ok := unsigned(v)
	// RFC 8949 §3.3: 24 to 31 are reserved; 20 to 23 are false, true, null and undefined.
	if !ok || n > math.MaxUint8 || n >= 20 && n < 32 {
		return nil, fmt.Errorf("%s is no simple value; they are numbered 0 to 19 and 32 to 255", notation.Show(v))
	}
	return cbor.SimpleValue(n), nil
}

func toTag(number, content any, depth int) (any, error) {
	n, ok := unsigned(number)
	if !ok {
		return nil, fmt.Errorf("%s is no tag; tags are numbered 0 to 18446744073709551615", notation.Show(number))
	}
	if n <= 3 {
		return nil, fmt.Errorf(`write tag %d as {"$time": ...} (0 and 1) or {"$int": ...} (2 and 3)`, n)
	}
	item, err := toItem(content, depth)
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

// decode returns the value of the one CBOR data item that data is.
func (c codec) decode(data []byte) (any, error) {
	if err := c.check(data); err != nil {
		return nil, err
	}
	var item any
	if err := c.dec.Unmarshal(data, &item); err != nil {
		return nil, explained(err)
	}
	return c.fromItem(item)
}

// check says what is wrong with data that is not one data item within the bounds.
func (c codec) check(data []byte) error {
	if err := c.dec.Wellformed(data); err != nil {
		return explained(err)
	}
	if items(data) > notation.MaxItems {
		return notation.ErrTooMany
	}
	return nil
}

// explained says what is wrong with data that is not CBOR.
func explained(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("there are no bytes; the shortest CBOR has one")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the bytes end in the middle of a CBOR data item")
	}
	if _, ok := errors.AsType[*cbor.MaxNestedLevelError](err); ok {
		return notation.ErrTooDeep
	}
	return fmt.Errorf("this is not one valid CBOR data item: %w", err)
}

// fromItem returns the value of what the library made of a data item.
func (c codec) fromItem(item any) (any, error) {
	switch v := item.(type) {
	case nil, bool, int64, string, []byte:
		return v, nil
	case float64:
		return notation.FromFloat(v), nil
	case big.Int:
		return fromBigInt(&v)
	case time.Time:
		form, ok := notation.FromTime(v)
		if !ok {
			return nil, fmt.Errorf("the time %d seconds after 1970 is in no year from 0 to 9999", v.Unix())
		}
		return form, nil
	case cbor.ByteString:
		return map[string]any{"$bytes": []byte(v)}, nil // a key
	case cbor.SimpleValue:
		return map[string]any{"$simple": int64(v)}, nil
	case cbor.Tag:
		return c.fromTag(v)
	case []any:
		return c.fromArray(v)
	case map[any]any:
		return c.fromMap(v)
	}
	return nil, fmt.Errorf("the decoder made a %T, which this plugin does not know", item)
}

func fromBigInt(n *big.Int) (any, error) {
	switch {
	case n.IsInt64():
		return n.Int64(), nil
	case n.IsUint64():
		return n.Uint64(), nil
	}
	if n.BitLen() <= maxBits {
		if text := n.String(); digits(text) <= maxDigits {
			return map[string]any{"$int": text}, nil
		}
	}
	return nil, fmt.Errorf("a bignum of %d bits has more than %d decimal digits", n.BitLen(), maxDigits)
}

func (c codec) fromTag(tag cbor.Tag) (any, error) {
	content, err := c.fromItem(tag.Content)
	if err != nil {
		return nil, err
	}
	var number any = tag.Number
	if tag.Number <= math.MaxInt64 {
		number = int64(tag.Number)
	}
	return map[string]any{"$tag": number, "$value": content}, nil
}

func (c codec) fromArray(items []any) (any, error) {
	list := make([]any, len(items))
	for i, item := range items {
		v, err := c.fromItem(item)
		if err != nil {
			return nil, notation.At(i, err)
		}
		list[i] = v
	}
	return list, nil
}

// fromMap returns the entries in the order of their deterministic encoding: the same bytes give the same answer.
func (c codec) fromMap(items map[any]any) (any, error) {
	type entry struct {
		encoded []byte
		pair    notation.Pair
	}
	entries := make([]entry, 0, len(items))
	for k, item := range items {
		encoded, err := c.enc.Marshal(k)
		if err != nil {
			return nil, err
		}
		key, err := c.fromItem(k)
		if err != nil {
			return nil, err
		}
		v, err := c.fromItem(item)
		if err != nil {
			return nil, notation.At(fmt.Sprint(k), err)
		}
		entries = append(entries, entry{encoded, notation.Pair{Key: key, Value: v}})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.encoded, b.encoded) })
	pairs := make([]notation.Pair, len(entries))
	for i, e := range entries {
		pairs[i] = e.pair
	}
	return notation.FromPairs(pairs), nil
}
