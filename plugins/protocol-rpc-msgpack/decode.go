package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// decode returns the value that data is the MessagePack of.
func decode(data []byte) (any, error) {
	if len(data) == 0 {
		return nil, errors.New("there are no bytes; the shortest MessagePack has one")
	}
	rest := bytes.NewReader(data)
	d := decoder{Decoder: msgpack.NewDecoder(rest), rest: rest, left: notation.MaxItems}
	v, err := d.value(0)
	if errors.Is(err, notation.ErrTooMany) {
		return nil, fmt.Errorf("%w; a map, an extension and what JSON lacks count as %d each", err, notation.ObjectCost)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("the bytes end in the middle of a value")
	}
	if err != nil {
		return nil, err
	}
	if rest.Len() > 0 {
		return nil, fmt.Errorf("%d bytes follow the value; send one value at a time", rest.Len())
	}
	return v, nil
}

// decoder reads with the library, but for what that would make room for before it has seen the bytes.
type decoder struct {
	*msgpack.Decoder
	rest *bytes.Reader // from which Decoder reads without a buffer of its own
	left int           // values that there may be yet
}

// spend counts values.
func (d *decoder) spend(values int) error {
	if d.left -= values; d.left < 0 {
		return notation.ErrTooMany
	}
	return nil
}

// form counts, beside what was counted for it already, a value that JSON has only as an object.
func (d *decoder) form() error { return d.spend(notation.ObjectCost - 1) }

func (d *decoder) value(depth int) (any, error) {
	if err := d.spend(1); err != nil {
		return nil, err
	}
	code, err := d.PeekCode()
	if err != nil {
		return nil, err
	}
	switch {
	case code == msgpcode.Nil:
		return nil, d.DecodeNil()
	case code == msgpcode.False, code == msgpcode.True:
		return d.DecodeBool()
	case msgpcode.IsFixedNum(code), code >= msgpcode.Int8 && code <= msgpcode.Int64:
		return d.DecodeInt64()
	case code >= msgpcode.Uint8 && code <= msgpcode.Uint64:
		return d.unsigned()
	case code == msgpcode.Float, code == msgpcode.Double:
		return d.float()
	case msgpcode.IsString(code):
		return d.text()
	case msgpcode.IsBin(code):
		return d.bytes()
	case msgpcode.IsFixedArray(code), code == msgpcode.Array16, code == msgpcode.Array32:
		return d.array(depth + 1)
	case msgpcode.IsFixedMap(code), code == msgpcode.Map16, code == msgpcode.Map32:
		return d.object(depth + 1)
	case msgpcode.IsExt(code):
		return d.extension()
	}
	return nil, fmt.Errorf("no value begins with the byte 0x%02x", code)
}

func (d *decoder) float() (any, error) {
	f, err := d.DecodeFloat64()
	if err == nil && notation.FloatName(f) != "" {
		err = d.form()
	}
	return notation.FromFloat(f), err
}

func (d *decoder) unsigned() (any, error) {
	n, err := d.DecodeUint64()
	if err != nil || n > math.MaxInt64 {
		return n, err
	}
	return int64(n), nil
}

func (d *decoder) text() (any, error) {
	b, err := d.bytes()
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		return nil, errors.New("a str is not UTF-8; bytes are written as bin")
	}
	return string(b), nil
}

// bytes reads what a str or bin holds.
func (d *decoder) bytes() ([]byte, error) {
	n, err := d.DecodeBytesLen()
	if err != nil {
		return nil, err
	}
	return d.take(n)
}

// take reads n bytes, for which it makes room only when they are there.
func (d *decoder) take(n int) ([]byte, error) {
	if n > d.rest.Len() {
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	return b, d.ReadFull(b)
}

func (d *decoder) array(depth int) (any, error) {
	n, err := d.DecodeArrayLen()
	if err != nil {
		return nil, err
	}
	if err := d.container(n, depth); err != nil {
		return nil, err
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = d.value(depth); err != nil {
			return nil, notation.At(i, err)
		}
	}
	return list, nil
}

// container says whether there can be one with n values in it. Each value has at least a byte.
func (d *decoder) container(n, depth int) error {
	switch {
	case depth > notation.MaxDepth:
		return notation.ErrTooDeep
	case n > d.rest.Len():
		return io.ErrUnexpectedEOF
	case n > d.left:
		return notation.ErrTooMany
	}
	return nil
}

func (d *decoder) object(depth int) (any, error) {
	n, err := d.DecodeMapLen()
	if err != nil {
		return nil, err
	}
	if err := d.form(); err != nil {
		return nil, err
	}
	if err := d.container(2*n, depth); err != nil {
		return nil, err
	}
	pairs := make([]notation.Pair, n)
	seen := make(map[string]bool, n)
	for i := range pairs {
		key, err := d.key(depth)
		if err != nil {
			return nil, err
		}
		encoded, err := encode(key) // equal keys are encoded alike
		if err != nil {
			return nil, err
		}
		if seen[string(encoded)] {
			return nil, twice(key)
		}
		seen[string(encoded)] = true
		v, err := d.value(depth)
		if err != nil {
			return nil, notation.At(fmt.Sprint(key), err)
		}
		pairs[i] = notation.Pair{Key: key, Value: v}
	}
	return notation.FromPairs(pairs), nil
}

// key reads the key of a map. Bytes are written in a form then, so that none is taken for text.
func (d *decoder) key(depth int) (any, error) {
	key, err := d.value(depth)
	if b, ok := key.([]byte); ok {
		return map[string]any{"$bytes": b}, d.form()
	}
	return key, err
}

// timestamp is the number of the one extension type that the specification defines.
const timestamp = -1

func (d *decoder) extension() (any, error) {
	number, n, err := d.DecodeExtHeader()
	if err != nil {
		return nil, err
	}
	if err := d.form(); err != nil {
		return nil, err
	}
	data, err := d.take(n)
	if err != nil {
		return nil, err
	}
	if number == timestamp {
		t, err := readTime(data)
		if err != nil {
			return nil, err
		}
		if form, ok := notation.FromTime(t); ok {
			return form, nil
		}
	}
	return map[string]any{"$ext": int64(number), "$data": data}, nil
}

// readTime reads a timestamp, which has one of three sizes
// (https://github.com/msgpack/msgpack/blob/master/spec.md#timestamp-extension-type).
func readTime(data []byte) (time.Time, error) {
	var seconds, nanoseconds int64
	switch len(data) {
	case 4:
		seconds = int64(binary.BigEndian.Uint32(data))
	case 8:
		both := binary.BigEndian.Uint64(data)
		seconds, nanoseconds = int64(both&(1<<34-1)), int64(both>>34)
	case 12:
		nanoseconds = int64(binary.BigEndian.Uint32(data))
		seconds = int64(binary.BigEndian.Uint64(data[4:])) //nolint:gosec // two's complement
	default:
		return time.Time{}, fmt.Errorf("a timestamp has %d bytes; it has to have 4, 8 or 12", len(data))
	}
	if nanoseconds >= int64(time.Second) {
		return time.Time{}, fmt.Errorf("a timestamp has %d nanoseconds; it has to have less than 1000000000", nanoseconds)
	}
	return time.Unix(seconds, nanoseconds), nil
}
