package wire

import (
	"fmt"
	"math"
	"reflect"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// A value is written as the message Value of proto/podinfo/plugin/v1/plugin.proto. Reading and writing it by hand, with
// the functions that protobuf has for the parts of a message, is what lets both be bounded, and spares the tree of
// messages between the bytes and the value.

// The fields of the messages Value, List, Map and its entries.
const (
	fieldNull   = protowire.Number(1)
	fieldBool   = protowire.Number(2)
	fieldInt    = protowire.Number(3)
	fieldUint   = protowire.Number(4)
	fieldDouble = protowire.Number(5)
	fieldString = protowire.Number(6)
	fieldBytes  = protowire.Number(7)
	fieldList   = protowire.Number(8)
	fieldMap    = protowire.Number(9)
	fieldGob    = protowire.Number(10)

	fieldElement = protowire.Number(1) // of List
	fieldEntry   = protowire.Number(1) // of Map
	fieldKey     = protowire.Number(1) // of an entry
	fieldValue   = protowire.Number(2) // of an entry
)

const (
	// maxDepth bounds how deep lists and maps lie in each other.
	maxDepth = 100
	// maxValues bounds the parts of a value. Two bytes on the wire can become a part of a hundred bytes of memory.
	maxValues = 1 << 20
	// lengthBytes is how long the length of a list, a map or one of their parts is written. It is reserved before the
	// length is known, so that nothing has to be moved; protobuf reads lengths with leading zeros.
	lengthBytes = 4
)

// carrier is a value as it travels. Bytes, which most values are, need not be written in another form.
type carrier struct {
	value []byte
	raw   bool // value itself is meant, and no encoded Value
}

// pack returns the value, which may have up to limit bytes: those of a string or []byte itself, else those that are
// written. A []byte is not copied. The error is of the kind ErrInvalid or ErrTooLarge.
func pack(value any, limit int) (carrier, error) {
	if v, ok := value.([]byte); ok && len(v) <= limit {
		return carrier{v, true}, nil
	}
	b, err := marshal(value, limit)
	return carrier{b, false}, err
}

// unpack returns what pack was given. A []byte in the value shares the memory of the carrier.
func (c carrier) unpack() (any, error) {
	switch {
	case !c.raw:
		return unmarshal(c.value)
	case c.value == nil:
		return []byte{}, nil
	default:
		return c.value, nil
	}
}

// marshal writes a value for pack.
func marshal(value any, limit int) ([]byte, error) {
	e := encoder{limit: limit, capacity: limit}
	switch v := value.(type) {
	case string:
		e.alone(len(v))
	case []byte:
		e.alone(len(v))
	}
	if err := e.value(value, maxDepth); err != nil {
		return nil, err
	}
	return e.b, nil
}

// encoder writes one value.
type encoder struct {
	b        []byte
	limit    int // as the error says it
	capacity int // of b
	values   int // so far
}

// alone makes room for a string or []byte of n bytes that is all there is: its header comes in addition to the limit.
func (e *encoder) alone(n int) {
	if n <= e.limit {
		e.capacity += 1 + lengthBytes
	}
}

func (e *encoder) value(value any, depth int) error {
	if e.values++; e.values > maxValues {
		return fmt.Errorf("%w: %w", contract.ErrTooLarge, errTooMany)
	}
	switch v := value.(type) {
	case nil:
		e.varint(fieldNull, 1)
	case bool:
		e.varint(fieldBool, protowire.EncodeBool(v))
	case int:
		e.varint(fieldInt, protowire.EncodeZigZag(int64(v)))
	case int64:
		e.varint(fieldInt, protowire.EncodeZigZag(v))
	case uint64:
		e.varint(fieldUint, v)
	case float64:
		e.double(v)
	case string:
		return e.string(fieldString, v)
	case []byte:
		return e.bytes(fieldBytes, v)
	case []any:
		return e.list(v, depth)
	case map[string]any:
		return e.dict(v, depth)
	default:
		return e.other(reflect.ValueOf(value), depth)
	}
	return e.room(0)
}

// other writes a value of a type that has none of the kinds of Value, but for type names, is close to one of them, or
// is registered.
func (e *encoder) other(v reflect.Value, depth int) error {
	if t := v.Type(); t.PkgPath() != "" || t.Kind() == reflect.Pointer {
		return e.registered(v.Interface())
	}
	switch v.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32:
		e.varint(fieldInt, protowire.EncodeZigZag(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		e.varint(fieldUint, v.Uint())
	case reflect.Float32:
		e.double(v.Float())
	case reflect.Slice:
		return e.slice(v, depth)
	case reflect.Map:
		if v.Type().Key() != reflect.TypeFor[string]() {
			return e.registered(v.Interface())
		}
		return e.stringMap(v, depth)
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return fmt.Errorf("%w: a %T cannot be carried to another process", contract.ErrInvalid, v.Interface())
	default:
		return e.registered(v.Interface())
	}
	return e.room(0)
}

func (e *encoder) varint(field protowire.Number, v uint64) {
	e.b = protowire.AppendVarint(protowire.AppendTag(e.b, field, protowire.VarintType), v)
}

func (e *encoder) double(v float64) {
	e.b = protowire.AppendTag(e.b, fieldDouble, protowire.Fixed64Type)
	e.b = protowire.AppendFixed64(e.b, math.Float64bits(v))
}

func (e *encoder) string(field protowire.Number, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: the string %.64q is not UTF-8; make it a []byte", contract.ErrInvalid, s)
	}
	if err := e.room(len(s)); err != nil {
		return err
	}
	e.b = protowire.AppendString(protowire.AppendTag(e.b, field, protowire.BytesType), s)
	return nil
}

func (e *encoder) bytes(field protowire.Number, v []byte) error {
	if err := e.room(len(v)); err != nil {
		return err
	}
	e.b = protowire.AppendBytes(protowire.AppendTag(e.b, field, protowire.BytesType), v)
	return nil
}

// room fails when n more bytes are too many.
func (e *encoder) room(n int) error {
	if n > e.capacity-len(e.b) {
		return fmt.Errorf("%w: it has more than %d bytes", contract.ErrTooLarge, e.limit)
	}
	return nil
}

func (e *encoder) list(values []any, depth int) error {
	return e.within(fieldList, depth, func() error {
		for _, v := range values {
			if err := e.part(fieldElement, v, depth); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *encoder) slice(v reflect.Value, depth int) error {
	return e.within(fieldList, depth, func() error {
		for _, element := range v.Seq2() {
			if err := e.part(fieldElement, element.Interface(), depth); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *encoder) dict(values map[string]any, depth int) error {
	return e.within(fieldMap, depth, func() error {
		for key, v := range values {
			if err := e.entry(key, v, depth); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *encoder) stringMap(v reflect.Value, depth int) error {
	return e.within(fieldMap, depth, func() error {
		for key, element := range v.Seq2() {
			if err := e.entry(key.String(), element.Interface(), depth); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *encoder) entry(key string, v any, depth int) error {
	start := e.open(fieldEntry)
	if err := e.string(fieldKey, key); err != nil {
		return err
	}
	if err := e.part(fieldValue, v, depth); err != nil {
		return err
	}
	return e.close(start)
}

// part writes a value that lies in another.
func (e *encoder) part(field protowire.Number, v any, depth int) error {
	start := e.open(field)
	if err := e.value(v, depth-1); err != nil {
		return err
	}
	return e.close(start)
}

// within writes a list or a map.
func (e *encoder) within(field protowire.Number, depth int, write func() error) error {
	if depth == 0 {
		return fmt.Errorf("%w: %w", contract.ErrInvalid, errTooDeep)
	}
	start := e.open(field)
	if err := write(); err != nil {
		return err
	}
	return e.close(start)
}

// open begins a message whose length close writes.
func (e *encoder) open(field protowire.Number) (start int) {
	e.b = protowire.AppendTag(e.b, field, protowire.BytesType)
	e.b = append(e.b, make([]byte, lengthBytes)...)
	return len(e.b)
}

func (e *encoder) close(start int) error {
	if err := e.room(0); err != nil {
		return err
	}
	length, n := e.b[start-lengthBytes:start], len(e.b)-start
	for i := range length {
		length[i] = byte(n>>(7*i)&0x7f) | 0x80
	}
	length[lengthBytes-1] &^= 0x80
	return nil
}
