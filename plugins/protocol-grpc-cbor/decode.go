package main

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// decode returns the value of the one CBOR data item that data is.
func (c codec) decode(data []byte) (any, error) {
	if err := c.check(data); err != nil {
		return nil, err
	}
	d := decoder{codec: c, rest: data}
	return d.item()
}

// decoder reads well-formed CBOR. The library would make Go maps of maps, whose keys are fewer than those of CBOR and
// differ in other ways, and times that nobody wrote; it reads what has no other data item in it.
type decoder struct {
	codec
	rest []byte
}

// item reads a data item with all that lies within it.
func (d *decoder) item() (any, error) {
	h := headOf(d.rest)
	switch h.major {
	case majorArray:
		d.rest = d.rest[h.size:]
		return d.array(h)
	case majorMap:
		d.rest = d.rest[h.size:]
		return d.object(h)
	case majorTag:
		d.rest = d.rest[h.size:]
		return d.tagged(h.argument)
	}
	item, err := d.plain()
	if err != nil {
		return nil, err
	}
	return fromPlain(item)
}

// plain returns what the library makes of an item that is neither array, map nor tag.
func (d *decoder) plain() (item any, err error) {
	rest, err := d.dec.UnmarshalFirst(d.rest, &item)
	if err != nil {
		return nil, explained(err)
	}
	d.rest = rest
	return item, nil
}

func fromPlain(item any) (any, error) {
	switch v := item.(type) {
	case nil, bool, int64, string, []byte:
		return v, nil
	case float64:
		return notation.FromFloat(v), nil
	case big.Int:
		return fromBigInt(&v)
	case cbor.SimpleValue:
		return map[string]any{"$simple": int64(v)}, nil
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

// tagged reads what is in the tag of a number.
func (d *decoder) tagged(number uint64) (any, error) {
	if number <= tagNegative {
		return d.builtin(number)
	}
	content, err := d.item()
	if err != nil || number == tagSelfDescribed {
		return content, err
	}
	var shown any = number
	if number <= math.MaxInt64 {
		shown = int64(number)
	}
	return map[string]any{"$tag": shown, "$value": content}, nil
}

// builtin reads what is in a tag of which this plugin knows what it means.
func (d *decoder) builtin(number uint64) (any, error) {
	if major := headOf(d.rest).major; major >= majorArray && major <= majorTag {
		return nil, fmt.Errorf("tag %d has an array, a map or another tag in it, which have no meaning there", number)
	}
	content, err := d.plain()
	if err != nil {
		return nil, err
	}
	switch number {
	case tagText:
		return fromText(content)
	case tagSeconds:
		return fromSeconds(content)
	}
	b, ok := content.([]byte)
	if !ok {
		return nil, fmt.Errorf("tag %d has no bytes in it, and so is no whole number", number)
	}
	n := new(big.Int).SetBytes(b)
	if number == tagNegative {
		n.Not(n) // RFC 8949 §3.4.3: -1 minus the bytes
	}
	return fromBigInt(n)
}

// more tells whether an array or a map goes on after n elements or pairs, and passes its end.
func (d *decoder) more(h head, n int) bool {
	if h.info != infoIndefinite {
		return uint64(n) < h.argument //nolint:gosec // never negative
	}
	if d.rest[0] != breakByte {
		return true
	}
	d.rest = d.rest[1:]
	return false
}

func (d *decoder) array(h head) (any, error) {
	list := []any{}
	for d.more(h, len(list)) {
		v, err := d.item()
		if err != nil {
			return nil, notation.At(len(list), err)
		}
		list = append(list, v)
	}
	return list, nil
}

// entry is a pair of a map with its key as it is encoded deterministically.
type entry struct {
	key  encodedKey
	pair notation.Pair
}

// object returns the entries in the order of their deterministic encoding: maps that are equal give the same answer.
func (d *decoder) object(h head) (any, error) {
	var entries []entry
	for d.more(h, len(entries)) {
		e, err := d.entry()
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(string(a.key), string(b.key)) })
	pairs := make([]notation.Pair, len(entries))
	for i, e := range entries {
		// RFC 8949 §5.6: a map with duplicate keys is not valid.
		if i > 0 && e.key == entries[i-1].key {
			return nil, twice(e.pair.Key)
		}
		pairs[i] = e.pair
	}
	return notation.FromPairs(pairs), nil
}

func (d *decoder) entry() (entry, error) {
	key, err := d.item()
	if err != nil {
		return entry{}, err
	}
	encoded, err := d.toKey(key, 0)
	if err != nil {
		return entry{}, err
	}
	v, err := d.item()
	if err != nil {
		return entry{}, notation.At(step(key), err)
	}
	return entry{encoded, notation.Pair{Key: legible(key), Value: v}}, nil
}

// step returns a key as part of the place of an error.
func step(key any) string {
	if text, ok := key.(string); ok {
		return text
	}
	return notation.Show(key)
}

// legible returns a key with bytes in a form, so that none is taken for text.
func legible(key any) any {
	switch v := key.(type) {
	case []byte:
		return map[string]any{"$bytes": v}
	case map[string]any:
		if content, ok := v["$value"]; ok {
			v["$value"] = legible(content)
		}
	}
	return key
}
