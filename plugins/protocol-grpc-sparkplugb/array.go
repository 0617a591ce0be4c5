package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/plugins/protocol-grpc-sparkplugb/pb"
)

// toArray packs the elements, which are of the data type t: numbers in little endian, booleans as bits, strings with a
// zero byte after each.
func toArray(t pb.DataType, v any) (any, error) {
	scalars, err := each(func(element any) (any, error) { return toScalar(t, element) })(v)
	if err != nil {
		return nil, err
	}
	switch t {
	case pb.DataType_Boolean:
		return packBits(scalars), nil
	case pb.DataType_String:
		return packStrings(scalars)
	}
	packed := make([]byte, 0, 8+len(scalars)*sizeOf(t)) // 8 for what the last one appends before it is cut
	for _, s := range scalars {
		packed = binary.LittleEndian.AppendUint64(packed, bitsOf(s))[:len(packed)+sizeOf(t)]
	}
	return packed, nil
}

// sizeOf returns how many bytes a number of the data type t has in an array.
func sizeOf(t pb.DataType) int {
	if i, ok := integerOf(t); ok {
		return i.bits / 8
	}
	if t == pb.DataType_Float {
		return 4
	}
	return 8
}

func bitsOf(scalar any) uint64 {
	switch s := scalar.(type) {
	case uint32:
		return uint64(s)
	case uint64:
		return s
	case float32:
		return uint64(math.Float32bits(s))
	case float64:
		return math.Float64bits(s)
	}
	return 0
}

// packBits returns the number of bits in 4 bytes and then the bits, those of a byte from the highest down.
func packBits(scalars []any) []byte {
	packed := make([]byte, 4+(len(scalars)+7)/8)
	binary.LittleEndian.PutUint32(packed, uint32(len(scalars))) //nolint:gosec // a message has far less
	for i, s := range scalars {
		if s == true {
			packed[4+i/8] |= 0x80 >> (i % 8)
		}
	}
	return packed
}

func packStrings(scalars []any) (any, error) {
	size := len(scalars)
	for _, s := range scalars {
		text, _ := s.(string)
		size += len(text)
	}
	packed := make([]byte, 0, size)
	for i, s := range scalars {
		text, _ := s.(string)
		if strings.ContainsRune(text, 0) {
			return nil, notation.At(i, errors.New("a text in an array cannot hold a zero byte, which ends it"))
		}
		packed = append(append(packed, text...), 0)
	}
	return packed, nil
}

// fromArray unpacks the elements, which are of the data type t.
func fromArray(t pb.DataType, packed []byte) (any, error) {
	switch t {
	case pb.DataType_Boolean:
		return unpackBits(packed)
	case pb.DataType_String:
		return unpackStrings(packed)
	}
	size := sizeOf(t)
	if len(packed)%size != 0 {
		return nil, fmt.Errorf("%d bytes are no array of %s, which have %d bytes each", len(packed), t, size)
	}
	list := make([]any, len(packed)/size)
	for i := range list {
		var element [8]byte
		copy(element[:], packed[i*size:(i+1)*size])
		v, err := fromScalar(t, scalarOf(t, binary.LittleEndian.Uint64(element[:])))
		if err != nil {
			return nil, notation.At(i, err)
		}
		list[i] = v
	}
	return list, nil
}

func scalarOf(t pb.DataType, bits uint64) any {
	switch t {
	case pb.DataType_Float:
		return math.Float32frombits(uint32(bits)) //nolint:gosec // it has 4 bytes
	case pb.DataType_Double:
		return math.Float64frombits(bits)
	}
	return bits
}

func unpackBits(packed []byte) (any, error) {
	if len(packed) < 4 {
		return nil, fmt.Errorf("%d bytes are no array of Boolean, which begins with their number in 4 bytes", len(packed))
	}
	n, bits := int(binary.LittleEndian.Uint32(packed)), packed[4:]
	if len(bits) != (n+7)/8 {
		return nil, fmt.Errorf("an array of %d Boolean has %d bytes after their number, not %d", n, (n+7)/8, len(bits))
	}
	list := make([]any, n)
	for i := range list {
		list[i] = bits[i/8]&(0x80>>(i%8)) != 0
	}
	return list, nil
}

func unpackStrings(packed []byte) (any, error) {
	if len(packed) == 0 {
		return []any{}, nil
	}
	if packed[len(packed)-1] != 0 {
		return nil, errors.New("an array of String does not end with a zero byte, as each of its texts has to")
	}
	text := string(packed[:len(packed)-1])
	if !utf8.ValidString(text) {
		return nil, errors.New("an array of String is not UTF-8")
	}
	list := make([]any, 0, 1+strings.Count(text, "\x00"))
	for s := range strings.SplitSeq(text, "\x00") {
		list = append(list, s)
	}
	return list, nil
}
