package wire

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// unmarshal reads what marshal wrote. A []byte in the value shares the memory of b. The error says what is wrong with
// b.
func unmarshal(b []byte) (any, error) {
	var d decoder
	return d.value(b, maxDepth)
}

// decoder reads one value.
type decoder struct {
	values int // so far
}

var (
	errMalformed = errors.New("it is not encoded as a value is")
	errTooDeep   = fmt.Errorf("its lists and maps lie in each other more than %d deep", maxDepth)
	errTooMany   = fmt.Errorf("it has more than %d parts", maxValues)
)

// count bounds the parts of the value.
func (d *decoder) count() error {
	if d.values++; d.values > maxValues {
		return errTooMany
	}
	return nil
}

// value reads a message Value. As in all of protobuf the last of several kinds counts.
func (d *decoder) value(b []byte, depth int) (value any, err error) {
	if err := d.count(); err != nil {
		return nil, err
	}
	err = fields(b, func(f field) error {
		value, err = d.kind(f, value, depth)
		return err
	})
	return value, err
}

// kind reads the field of a Value; of one that it does not know it leaves what was there before.
func (d *decoder) kind(f field, before any, depth int) (any, error) {
	switch f.number {
	case fieldNull:
		return nil, f.is(protowire.VarintType)
	case fieldBool:
		return protowire.DecodeBool(f.bits), f.is(protowire.VarintType)
	case fieldInt:
		return protowire.DecodeZigZag(f.bits), f.is(protowire.VarintType)
	case fieldUint:
		return f.bits, f.is(protowire.VarintType)
	case fieldDouble:
		return math.Float64frombits(f.bits), f.is(protowire.Fixed64Type)
	}
	if f.number > fieldGob {
		return before, nil
	}
	if err := f.is(protowire.BytesType); err != nil {
		return nil, err
	}
	switch f.number {
	case fieldString:
		return text(f.bytes)
	case fieldBytes:
		return f.bytes, nil
	case fieldList:
		return d.list(f.bytes, depth)
	case fieldMap:
		return d.dict(f.bytes, depth)
	default:
		return unmarshalGob(f.bytes)
	}
}

func (d *decoder) list(b []byte, depth int) ([]any, error) {
	if depth == 0 {
		return nil, errTooDeep
	}
	list := []any{}
	err := fields(b, func(f field) error {
		if f.number != fieldElement {
			return nil
		}
		if err := f.is(protowire.BytesType); err != nil {
			return err
		}
		v, err := d.value(f.bytes, depth-1)
		list = append(list, v)
		return err
	})
	return list, err
}

func (d *decoder) dict(b []byte, depth int) (map[string]any, error) {
	if depth == 0 {
		return nil, errTooDeep
	}
	dict := map[string]any{}
	err := fields(b, func(f field) error {
		if f.number != fieldEntry {
			return nil
		}
		if err := f.is(protowire.BytesType); err != nil {
			return err
		}
		key, v, err := d.entry(f.bytes, depth)
		dict[key] = v
		return err
	})
	return dict, err
}

func (d *decoder) entry(b []byte, depth int) (key string, v any, err error) {
	// An entry without a value holds null, which is a part of the map all the same.
	if err := d.count(); err != nil {
		return "", nil, err
	}
	err = fields(b, func(f field) error {
		if f.number > fieldValue {
			return nil
		}
		if err := f.is(protowire.BytesType); err != nil {
			return err
		}
		if f.number == fieldKey {
			key, err = text(f.bytes)
			return err
		}
		v, err = d.value(f.bytes, depth-1)
		return err
	})
	return key, v, err
}

func text(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errors.New("a string in it is not UTF-8")
	}
	return string(b), nil
}

// field is a field of a message: its bits when it is a number, else its bytes.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bits   uint64
	bytes  []byte
}

// is fails when the field is of another kind than it must be.
func (f field) is(kind protowire.Type) error {
	if f.kind != kind {
		return errMalformed
	}
	return nil
}

// fields calls yield with each field of the message b.
func fields(b []byte, yield func(field) error) error {
	for len(b) > 0 {
		f, n := consume(b)
		if n < 0 || f.number > protowire.MaxValidNumber {
			return errMalformed
		}
		if err := yield(f); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// consume reads the field at the start of b and returns how long it is, or less than zero when it is malformed.
func consume(b []byte) (f field, length int) {
	number, kind, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return f, tag
	}
	f.number, f.kind = number, kind
	var n int
	switch rest := b[tag:]; kind {
	case protowire.VarintType:
		f.bits, n = protowire.ConsumeVarint(rest)
	case protowire.Fixed64Type:
		f.bits, n = protowire.ConsumeFixed64(rest)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(rest)
		f.bytes = f.bytes[:len(f.bytes):len(f.bytes)] // an append must not write over what follows
	default:
		n = protowire.ConsumeFieldValue(number, kind, rest)
	}
	if n < 0 {
		return f, n
	}
	return f, tag + n
}
