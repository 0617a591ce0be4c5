package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// forms are what MessagePack has and JSON lacks: what package notation describes, and extension types.
func forms() map[string][]string {
	return map[string][]string{"$bytes": nil, "$ext": {"$data"}, "$float": nil, "$map": nil, "$time": nil}
}

// encode returns value in MessagePack, in the smallest formats, with the keys of objects in order: equal values become
// equal bytes.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	e := encoder{Encoder: msgpack.NewEncoder(&out), out: &out, left: notation.MaxItems}
	if err := e.value(value, 0); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type encoder struct {
	*msgpack.Encoder
	out  *bytes.Buffer // to which Encoder writes without a buffer of its own
	left int           // values that there may be yet
}

func (e *encoder) value(value any, depth int) error {
	if e.left--; e.left < 0 {
		return notation.ErrTooMany
	}
	switch v := value.(type) {
	case nil:
		return e.EncodeNil()
	case bool:
		return e.EncodeBool(v)
	case int64:
		return e.EncodeInt(v)
	case uint64:
		return e.EncodeUint(v)
	case float64:
		return e.EncodeFloat64(v)
	case string:
		return e.text(v)
	case []byte:
		return e.bytes(v)
	case []any:
		return e.array(v, depth+1)
	case map[string]any:
		return e.object(v, depth)
	}
	return fmt.Errorf("%s has no form in MessagePack; send what JSON has, or bytes", notation.Show(value))
}

func (e *encoder) text(v string) error {
	if !utf8.ValidString(v) {
		return errors.New("this text is not UTF-8; send it as bytes")
	}
	return e.EncodeString(v)
}

// bytes writes a bin, for which the library would write nil when v is.
func (e *encoder) bytes(v []byte) error {
	if err := e.EncodeBytesLen(len(v)); err != nil {
		return err
	}
	_, err := e.out.Write(v)
	return err
}

func (e *encoder) array(list []any, depth int) error {
	if depth > notation.MaxDepth {
		return notation.ErrTooDeep
	}
	if err := e.EncodeArrayLen(len(list)); err != nil {
		return err
	}
	for i, v := range list {
		if err := e.value(v, depth); err != nil {
			return notation.At(i, err)
		}
	}
	return nil
}

// object writes a map, or what a form stands for.
func (e *encoder) object(object map[string]any, depth int) error {
	form, is, err := notation.Form(object, forms())
	if err != nil {
		return err
	}
	if is {
		if err := e.form(form, object, depth); err != nil {
			return notation.At(form, err)
		}
		return nil
	}
	if depth++; depth > notation.MaxDepth {
		return notation.ErrTooDeep
	}
	if err := e.EncodeMapLen(len(object)); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if err := e.value(key, depth); err != nil {
			return err
		}
		if err := e.value(object[key], depth); err != nil {
			return notation.At(key, err)
		}
	}
	return nil
}

func (e *encoder) form(form string, object map[string]any, depth int) error {
	v := object[form]
	switch form {
	case "$bytes":
		b, err := notation.Bytes(v)
		if err != nil {
			return err
		}
		return e.bytes(b)
	case "$float":
		f, err := notation.Float(v)
		if err != nil {
			return err
		}
		return e.EncodeFloat64(f)
	case "$map":
		return e.pairs(v, depth+1)
	case "$time":
		t, err := notation.Time(v)
		if err != nil {
			return err
		}
		return e.EncodeTime(t)
	default: // "$ext"
		return e.extension(v, object["$data"])
	}
}

// pairs writes a map in the order of its pairs.
func (e *encoder) pairs(v any, depth int) error {
	if depth > notation.MaxDepth {
		return notation.ErrTooDeep
	}
	pairs, err := notation.Pairs(v)
	if err != nil {
		return err
	}
	if err := e.EncodeMapLen(len(pairs)); err != nil {
		return err
	}
	seen := make(map[string]bool, len(pairs))
	for i, pair := range pairs {
		start := e.out.Len()
		if err := e.value(pair.Key, depth); err != nil {
			return notation.At(i, notation.At(0, err))
		}
		encoded := string(e.out.Bytes()[start:]) // equal keys are encoded alike
		if seen[encoded] {
			return notation.At(i, notation.At(0, twice(pair.Key)))
		}
		seen[encoded] = true
		if err := e.value(pair.Value, depth); err != nil {
			return notation.At(i, notation.At(1, err))
		}
	}
	return nil
}

func twice(key any) error {
	return fmt.Errorf("the key %s is there twice", notation.Show(key))
}

func (e *encoder) extension(number, content any) error {
	n, ok := notation.Whole(number).(int64)
	if !ok || n < math.MinInt8 || n > math.MaxInt8 {
		return fmt.Errorf("%s is no extension type; types are numbered -128 to 127", notation.Show(number))
	}
	data, err := notation.Bytes(content)
	if err != nil {
		return err
	}
	if n == timestamp {
		if _, err := readTime(data); err != nil {
			return err
		}
	}
	if err := e.EncodeExtHeader(int8(n), len(data)); err != nil {
		return err
	}
	_, err = e.out.Write(data)
	return err
}
