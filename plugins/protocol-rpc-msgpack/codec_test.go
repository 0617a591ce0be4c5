package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/plugins/internal/codectest"
	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

type object = map[string]any

func form(name string, v any) object { return object{"$" + name: v} }

// vectors are one or more of each format of https://github.com/msgpack/msgpack/blob/master/spec.md, at the bounds of
// the formats: both ways. The first is the example of https://msgpack.org.
var vectors = []struct {
	hex   string
	value any
}{
	{"82a7636f6d70616374c3a6736368656d6100", object{"compact": true, "schema": int64(0)}},
	{"c0", nil},
	{"c2", false},
	{"c3", true},
	{"00", int64(0)},
	{"7f", int64(127)},
	{"ff", int64(-1)},
	{"e0", int64(-32)},
	{"cc80", int64(128)},
	{"ccff", int64(255)},
	{"cd0100", int64(256)},
	{"cdffff", int64(65535)},
	{"ce00010000", int64(65536)},
	{"ceffffffff", int64(4294967295)},
	{"cf0000000100000000", int64(4294967296)},
	{"cfffffffffffffffff", uint64(math.MaxUint64)},
	{"d0df", int64(-33)},
	{"d080", int64(-128)},
	{"d1ff7f", int64(-129)},
	{"d18000", int64(-32768)},
	{"d2ffff7fff", int64(-32769)},
	{"d280000000", int64(-2147483648)},
	{"d3ffffffff7fffffff", int64(-2147483649)},
	{"d38000000000000000", int64(math.MinInt64)},
	{"cb3ff8000000000000", 1.5},
	{"cb7ff0000000000000", form("float", "Infinity")},
	{"a0", ""},
	{"a161", "a"},
	{"bf" + strings.Repeat("61", 31), strings.Repeat("a", 31)},
	{"d920" + strings.Repeat("61", 32), strings.Repeat("a", 32)},
	{"da0100" + strings.Repeat("61", 256), strings.Repeat("a", 256)},
	{"db00010000" + strings.Repeat("61", 65536), strings.Repeat("a", 65536)},
	{"c400", []byte{}},
	{"c4020102", []byte{1, 2}},
	{"c50100" + strings.Repeat("00", 256), make([]byte, 256)},
	{"c600010000" + strings.Repeat("00", 65536), make([]byte, 65536)},
	{"90", []any{}},
	{"9301a16193c0c2c3", []any{int64(1), "a", []any{nil, false, true}}},
	{"dc0010" + strings.Repeat("c0", 16), make([]any, 16)},
	{"dd00010000" + strings.Repeat("c0", 65536), make([]any, 65536)},
	{"80", object{}},
	{"82a161a1410102", form("map", []any{[]any{"a", "A"}, []any{int64(1), int64(2)}})},
	{"82c4016101a16102", form("map", []any{[]any{form("bytes", []byte("a")), int64(1)}, []any{"a", int64(2)}})},
	{"81a2246101", form("map", []any{[]any{"$a", int64(1)}})},
	{"819002", form("map", []any{[]any{[]any{}, int64(2)}})},
	{"d40510", object{"$ext": int64(5), "$data": []byte{0x10}}},
	{"d5051011", object{"$ext": int64(5), "$data": []byte{0x10, 0x11}}},
	{"d68010111213", object{"$ext": int64(-128), "$data": []byte{0x10, 0x11, 0x12, 0x13}}},
	{"c70305101112", object{"$ext": int64(5), "$data": []byte{0x10, 0x11, 0x12}}},
	{"c8010005" + strings.Repeat("00", 256), object{"$ext": int64(5), "$data": make([]byte, 256)}},
	{"d6ff514b67b0", form("time", "2013-03-21T20:04:00Z")},
	{"d7ff0000000400000000", form("time", "1970-01-01T00:00:00.000000001Z")},
	{"c70cff00000000ffffffffffffffff", form("time", "1969-12-31T23:59:59Z")},
	{"c70cff000000007fffffffffffffff", object{"$ext": int64(-1), "$data": codectest.Unhex("000000007fffffffffffffff")}},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		t.Run(v.hex[:min(len(v.hex), 20)], func(t *testing.T) {
			t.Parallel()
			encoded, err := encode(v.value)
			if got := hex.EncodeToString(encoded); err != nil || got != v.hex {
				t.Errorf("encode(%v) = %s, %v; want %s", v.value, got, err, v.hex)
			}
			decoded, err := decode(codectest.Unhex(v.hex))
			if err != nil || !reflect.DeepEqual(decoded, v.value) {
				t.Errorf("decode(%s) = %#v, %v; want %#v", v.hex, decoded, err, v.value)
			}
		})
	}
}

// TestDecodeOnly has what others may send, though it could be shorter.
func TestDecodeOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		hex  string
		want any
	}{
		{"cc01", int64(1)},
		{"cf0000000000000001", int64(1)},
		{"d3ffffffffffffffff", int64(-1)},
		{"ca3fc00000", 1.5},
		{"ca7fc00000", form("float", "NaN")},
		{"d90161", "a"},
		{"dc0001c0", []any{nil}},
		{"de0001a161c0", object{"a": nil}},
		{"c70000", object{"$ext": int64(0), "$data": []byte{}}},
		{"d7ff00000000514b67b0", form("time", "2013-03-21T20:04:00Z")},
	}
	for _, test := range tests {
		got, err := decode(codectest.Unhex(test.hex))
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("decode(%s) = %#v, %v; want %#v", test.hex, got, err, test.want)
		}
	}
}

func TestEncodeOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		give any
		want string
	}{
		{uint64(1), "01"},
		{[]byte(nil), "c400"},
		{form("bytes", "AQI="), "c4020102"},
		{form("float", "NaN"), "cb7ff8000000000001"},
		{form("time", "2013-03-21T21:04:00+01:00"), "d6ff514b67b0"},
		{object{"b": nil, "a": nil, "": nil}, "83a0c0a161c0a162c0"},
		{object{"$ext": int64(1), "$data": "EA=="}, "d40110"},
		{object{"$ext": 1.0, "$data": "EA=="}, "d40110"},
	}
	for _, test := range tests {
		encoded, err := encode(test.give)
		if got := hex.EncodeToString(encoded); err != nil || got != test.want {
			t.Errorf("encode(%v) = %s, %v; want %s", test.give, got, err, test.want)
		}
	}
}

// TestKeysWithinKeys has maps that are keys of maps, as deep as may be: nothing may be encoded twice at each level.
func TestKeysWithinKeys(t *testing.T) {
	t.Parallel()
	data := append(bytes.Repeat([]byte{0x81}, notation.MaxDepth), 0xc0)
	data = append(data, bytes.Repeat([]byte{0xc0}, notation.MaxDepth)...)
	value, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if encoded, err := encode(value); err != nil || !bytes.Equal(encoded, data) {
		t.Errorf("%x became %x, %v", data, encoded, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	deep := any(int64(1))
	for range notation.MaxDepth + 1 {
		deep = object{"a": deep}
	}
	tests := []struct {
		name string
		give any
		want string
	}{
		{"another type", struct{}{}, "a value of the Go type struct {} has no form in MessagePack"},
		{"text in no encoding", []any{"\xff"}, "$[0]: this text is not UTF-8"},
		{"key in no encoding", object{"\xff": nil}, "this text is not UTF-8"},
		{"unknown form", object{"a": object{"$ref": "b"}}, `$["a"]: "$ref" in an object stands for what JSON lacks`},
		{"base64", form("bytes", "AQ"), `$["$bytes"]: "AQ" is no base64`},
		{"extension type", object{"$ext": int64(128), "$data": ""}, `$["$ext"]: 128 is no extension type`},
		{"extension with text", object{"$ext": int64(1), "$data": "?"}, `$["$ext"]: "?" is no base64`},
		{"timestamp", object{"$ext": int64(-1), "$data": "AQ=="}, "a timestamp has 1 bytes; it has to have 4, 8 or 12"},
		{"key twice", form("map", []any{[]any{int64(1), nil}, []any{uint64(1), nil}}),
			`$["$map"][1][0]: the key 1 is there twice`},
		{"too deep", deep, "it is nested deeper than 32 levels"},
		{"too many", make([]any, notation.MaxItems), "it has more than 262144 values"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := encode(test.give)
			codectest.Refused(t, err, test.want)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give []byte
		want string
	}{
		{"nothing", nil, "there are no bytes"},
		{"half a number", codectest.Unhex("cd01"), "the bytes end in the middle"},
		{"half an array", codectest.Unhex("92c0"), "the bytes end in the middle"},
		{"array of the universe", codectest.Unhex("ddffffffff"), "the bytes end in the middle"},
		{"map of the universe", codectest.Unhex("dfffffffff"), "the bytes end in the middle"},
		{"bytes of the universe", codectest.Unhex("c6ffffffff"), "the bytes end in the middle"},
		{"extension of the universe", codectest.Unhex("c9ffffffff01"), "the bytes end in the middle"},
		{"two values", codectest.Unhex("c0c0"), "1 bytes follow the value"},
		{"unused byte", codectest.Unhex("91c1"), "$[0]: no value begins with the byte 0xc1"},
		{"text that is none", codectest.Unhex("a1ff"), "a str is not UTF-8"},
		{"key twice", codectest.Unhex("82a161c0d90161c0"), `the key "a" is there twice`},
		{"time of 1 byte", codectest.Unhex("d4ff00"), "a timestamp has 1 bytes"},
		{"time with long seconds", codectest.Unhex("d7ffee6b280000000000"), "a timestamp has 1000000000 nanoseconds"},
		{"too deep", bytes.Repeat([]byte{0x91}, notation.MaxDepth+1), "it is nested deeper than 32 levels"},
		{"too many", append(codectest.Unhex("dd00040000"), make([]byte, 1<<18)...), "it has more than 262144 values"},
		{"too many maps", many("80"), "a map, an extension and what JSON lacks count as 4 each"},
		{"too many extensions", many("d40000"), "it has more than 262144 values"},
		{"too many numbers that are none", many("ca7fc00000"), "it has more than 262144 values"},
		{"too many bytes as keys", many("81c400c0"), "it has more than 262144 values"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(test.give)
			codectest.Refused(t, err, test.want)
		})
	}
}

// FuzzDecode holds for any bytes: what is decoded can be encoded, and is then the same when decoded again.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		if len(v.hex) < 1000 {
			f.Add(codectest.Unhex(v.hex))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := decode(data)
		if err != nil {
			return
		}
		encoded, err := encode(value)
		if err != nil {
			t.Fatalf("%x became %#v, which cannot be encoded: %v", data, value, err)
		}
		again, err := decode(encoded)
		if err != nil || !reflect.DeepEqual(again, value) {
			t.Fatalf("%x became %#v, and %x of it %#v, %v", data, value, encoded, again, err)
		}
	})
}

// many returns an array of as many values as there may be, were they no objects of JSON.
func many(value string) []byte {
	const n = notation.MaxItems/notation.ObjectCost + 1
	return slices.Concat(codectest.Unhex(fmt.Sprintf("dd%08x", n)), bytes.Repeat(codectest.Unhex(value), n))
}
