package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/plugins/internal/codectest"
	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/shared/plugin/value"
)

type object = map[string]any

func newTestCodec(t testing.TB) codec {
	t.Helper()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func form(name string, v any) object { return object{"$" + name: v} }

// vectors are those of RFC 8949 appendix A that are encoded deterministically, and some that are easily taken for
// something else: both ways.
var vectors = []struct {
	hex   string
	value any
}{
	{"00", int64(0)},
	{"01", int64(1)},
	{"0a", int64(10)},
	{"17", int64(23)},
	{"1818", int64(24)},
	{"1819", int64(25)},
	{"1864", int64(100)},
	{"1903e8", int64(1000)},
	{"1a000f4240", int64(1000000)},
	{"1b000000e8d4a51000", int64(1000000000000)},
	{"1bffffffffffffffff", uint64(18446744073709551615)},
	{"c249010000000000000000", form("int", "18446744073709551616")},
	{"3bffffffffffffffff", form("int", "-18446744073709551616")},
	{"c349010000000000000000", form("int", "-18446744073709551617")},
	{"20", int64(-1)},
	{"29", int64(-10)},
	{"3863", int64(-100)},
	{"3903e7", int64(-1000)},
	{"f90000", 0.0},
	{"f98000", math.Copysign(0, -1)},
	{"f93c00", 1.0},
	{"fb3ff199999999999a", 1.1},
	{"f93e00", 1.5},
	{"f97bff", 65504.0},
	{"fa47c35000", 100000.0},
	{"fa7f7fffff", 3.4028234663852886e+38},
	{"fb7e37e43c8800759c", 1.0e+300},
	{"f90001", 5.960464477539063e-8},
	{"f90400", 0.00006103515625},
	{"f9c400", -4.0},
	{"fbc010666666666666", -4.1},
	{"f97c00", form("float", "Infinity")},
	{"f97e00", form("float", "NaN")},
	{"f9fc00", form("float", "-Infinity")},
	{"f4", false},
	{"f5", true},
	{"f6", nil},
	{"f0", form("simple", int64(16))},
	{"f8ff", form("simple", int64(255))},
	{"c074323031332d30332d32315432303a30343a30305a", form("time", "2013-03-21T20:04:00Z")},
	{"c074303030312d30312d30315430303a30303a30305a", form("time", "0001-01-01T00:00:00Z")},
	{"d74401020304", object{"$tag": int64(23), "$value": []byte{1, 2, 3, 4}}},
	{"d818456449455446", object{"$tag": int64(24), "$value": []byte{0x64, 0x49, 0x45, 0x54, 0x46}}},
	{"d82076687474703a2f2f7777772e6578616d706c652e636f6d",
		object{"$tag": int64(32), "$value": "http://www.example.com"}},
	{"40", []byte{}},
	{"4401020304", []byte{1, 2, 3, 4}},
	{"60", ""},
	{"6161", "a"},
	{"6449455446", "IETF"},
	{"62225c", `"\`},
	{"62c3bc", "ü"},
	{"63e6b0b4", "水"},
	{"64f0908591", "\U00010151"},
	{"80", []any{}},
	{"83010203", []any{int64(1), int64(2), int64(3)}},
	{"8301820203820405", []any{int64(1), []any{int64(2), int64(3)}, []any{int64(4), int64(5)}}},
	{"a0", object{}},
	{"a201020304", form("map", []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}})},
	{"a2f9000001f9800002", form("map", []any{[]any{0.0, int64(1)}, []any{math.Copysign(0, -1), int64(2)}})},
	{"a20101f93c0002", form("map", []any{[]any{int64(1), int64(1)}, []any{1.0, int64(2)}})},
	{"a1f97e0001", form("map", []any{[]any{form("float", "NaN"), int64(1)}})},
	{"a1c24901000000000000000001", form("map", []any{[]any{form("int", "18446744073709551616"), int64(1)}})},
	{"c07819323031332d30332d32315432313a30343a30302b30313a3030", form("time", "2013-03-21T21:04:00+01:00")},
	{"a26161016162820203", object{"a": int64(1), "b": []any{int64(2), int64(3)}}},
	{"826161a161626163", []any{"a", object{"b": "c"}}},
	{"a56161614161626142616361436164614461656145", object{"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	c := newTestCodec(t)
	for _, v := range vectors {
		t.Run(v.hex, func(t *testing.T) {
			t.Parallel()
			encoded, err := c.encode(v.value)
			if got := hex.EncodeToString(encoded); err != nil || got != v.hex {
				t.Errorf("encode(%v) = %s, %v; want %s", v.value, got, err, v.hex)
			}
			decoded, err := c.decode(codectest.Unhex(v.hex))
			if err != nil || !reflect.DeepEqual(decoded, v.value) {
				t.Errorf("decode(%s) = %#v, %v; want %#v", v.hex, decoded, err, v.value)
			}
		})
	}
}

// TestDecodeOnly has vectors of RFC 8949 appendix A that others may send, but that are not encoded deterministically,
// or not by us.
func TestDecodeOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		hex  string
		want any
	}{
		{"fb7ff0000000000000", form("float", "Infinity")},
		{"fa7fc00000", form("float", "NaN")},
		{"f7", nil}, // undefined
		{"c11a514b67b0", form("time", "2013-03-21T20:04:00Z")},
		{"c1fb41d452d9ec200000", form("time", "2013-03-21T20:04:00.5Z")},
		{"5f42010243030405ff", []byte{1, 2, 3, 4, 5}},
		{"7f657374726561646d696e67ff", "streaming"},
		{"9fff", []any{}},
		{"9f018202039f0405ffff", []any{int64(1), []any{int64(2), int64(3)}, []any{int64(4), int64(5)}}},
		{"bf61610161629f0203ffff", object{"a": int64(1), "b": []any{int64(2), int64(3)}}},
		{"826161bf61626163ff", []any{"a", object{"b": "c"}}},
		{"c074323031332d30332d32317432303a30343a30307a", form("time", "2013-03-21T20:04:00Z")},
		{"c11b0000003afff4417f", form("time", "9999-12-31T23:59:59Z")},
		{"c13b0000000e79747bff", form("time", "0000-01-01T00:00:00Z")},
		{"c1fbbfe0000000000000", form("time", "1969-12-31T23:59:59.5Z")},
		{"d9d9f781d9d9f700", []any{int64(0)}}, // says no more than that it is CBOR
		{"c2420001", int64(1)},
		{"c25f41014100ff", int64(256)},
		{"c34100", int64(-1)},
		{"c24101", int64(1)}, // a bignum that needs none (§3.4.3)
		{"a1410102", form("map", []any{[]any{form("bytes", []byte{1}), int64(2)}})},
		{"a1cc413002", form("map", []any{[]any{object{"$tag": int64(12), "$value": form("bytes", []byte{'0'})}, int64(2)}})},
		{"a1612401", form("map", []any{[]any{"$", int64(1)}})},
		{"dbffffffffffffffff00", object{"$tag": uint64(math.MaxUint64), "$value": int64(0)}},
	}
	c := newTestCodec(t)
	for _, test := range tests {
		got, err := c.decode(codectest.Unhex(test.hex))
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
		{[]byte(nil), "40"},
		{form("bytes", "AQIDBA=="), "4401020304"},
		{form("int", "5"), "05"},
		{form("time", "2013-03-21t20:04:00z"), "c074323031332d30332d32315432303a30343a30305a"},
		{form("time", "0001-01-01T01:00:00+01:00"), "c07819303030312d30312d30315430313a30303a30302b30313a3030"},
		// RFC 8949 §4.2.1 orders the keys 10, 100, -1, "z", "aa", false like this.
		{form("map", []any{[]any{false, nil}, []any{"aa", nil}, []any{"z", nil}, []any{int64(-1), nil},
			[]any{uint64(100), nil}, []any{int64(10), nil}}), "a60af61864f620f6617af6626161f6f4f6"},
		{form("map", []any{[]any{form("bytes", "AQ=="), nil}, []any{form("simple", int64(1)), nil}}), "a24101f6e1f6"},
		{form("map", []any{[]any{nil, nil}}), "a1f6f6"},
		{form("map", []any{[]any{form("int", "5"), nil}}), "a105f6"},
	}
	c := newTestCodec(t)
	for _, test := range tests {
		encoded, err := c.encode(test.give)
		if got := hex.EncodeToString(encoded); err != nil || got != test.want {
			t.Errorf("encode(%v) = %s, %v; want %s", test.give, got, err, test.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	deep, deeper := any(int64(1)), any(int64(1))
	for range notation.MaxDepth + 1 {
		deep, deeper = []any{deep}, []any{[]any{deeper}}
	}
	tests := []struct {
		name string
		give any
		want string
	}{
		{"another type", struct{}{}, "a value of the Go type struct {} has no form in CBOR"},
		{"text in no encoding", []any{"\xff"}, "$[0]: this text is not UTF-8"},
		{"key in no encoding", object{"\xff": nil}, `the key "\xff" is not UTF-8`},
		{"unknown form", object{"a": object{"$ref": "b"}}, `$["a"]: "$ref" in an object stands for what JSON lacks`},
		{"base64", form("bytes", "AQ"), `$["$bytes"]: "AQ" is no base64`},
		{"number", form("int", "1e3"), `"1e3" is no string of up to 1000 decimal digits`},
		{"huge number", form("int", strings.Repeat("9", 1001)), "is no string of up to 1000 decimal digits"},
		{"huge negative number", form("int", "-"+strings.Repeat("9", 1001)), "is no string of up to 1000 decimal digits"},
		{"number as large as a message", form("int", strings.Repeat("9", 10<<20)), "is no string of up to 1000"},
		{"time that is none", form("time", "tomorrow"), `"tomorrow" is no time of RFC 3339`},
		{"leap second", form("time", "2016-12-31T23:59:60Z"), `"2016-12-31T23:59:60Z" is a leap second`},
		{"second 60 of no time", form("time", "2016-13-31T23:59:60Z"), "is no time of RFC 3339"},
		{"offset of a day", form("time", "2013-03-21T20:04:00+24:00"), "is no time of RFC 3339"},
		{"reserved simple value", form("simple", int64(24)), "24 is no simple value"},
		{"simple value with a name", form("simple", int64(20)), "20 is no simple value"},
		{"negative tag", object{"$tag": int64(-1), "$value": nil}, "-1 is no tag"},
		{"tag with a form", object{"$tag": int64(0), "$value": "x"}, `write tag 0 as {"$time": ...}`},
		{"array as key", form("map", []any{[]any{[]any{}, nil}}), "an array of 0 is no key that this plugin knows"},
		{"map as key", form("map", []any{[]any{object{}, nil}}), "an object is no key that this plugin knows"},
		{"map with keys as key", form("map", []any{[]any{form("map", []any{}), nil}}), "an object is no key"},
		{"tagged array as key", form("map", []any{[]any{object{"$tag": int64(9), "$value": []any{}}, nil}}),
			"an object is no key"},
		{"time twice", form("map", []any{[]any{form("time", "2013-03-21T20:04:00+05:30"), int64(1)},
			[]any{form("time", "2013-03-21T20:04:00+05:30"), int64(2)}}), `$["$map"][1]: the key an object is there twice`},
		{"NaN twice", form("map", []any{[]any{form("float", "NaN"), nil}, []any{form("float", "NaN"), nil}}),
			"is there twice"},
		{"whole number twice", form("map", []any{[]any{form("int", "5"), nil}, []any{int64(5), nil}}), "is there twice"},
		{"key twice", form("map", []any{[]any{int64(1), nil}, []any{uint64(1), nil}}),
			`$["$map"][1]: the key 1 is there twice`},
		{"too deep", deep, "it is nested deeper than 32 levels"},
		{"much too deep", deeper, "it is nested deeper than 32 levels"},
	}
	c := newTestCodec(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := c.encode(test.give)
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
		{"half an item", codectest.Unhex("83010" + "2"), "the bytes end in the middle"},
		{"two items", codectest.Unhex("0000"), "1 bytes of extraneous data"},
		{"reserved head", codectest.Unhex("1c"), "invalid additional information 28"},
		{"break outside", codectest.Unhex("ff"), `unexpected "break" code`},
		{"key twice", codectest.Unhex("a2616101616102"), `the key "a" is there twice`},
		{"key twice with its ends written", codectest.Unhex("bf616101616102ff"), `the key "a" is there twice`},
		{"key twice, once not in its shortest form", codectest.Unhex("a20101180102"), "the key 1 is there twice"},
		{"key twice, once as a bignum", codectest.Unhex("a20101c2410102"), "the key 1 is there twice"},
		{"NaN twice", codectest.Unhex("a2f97e0001f97e0002"), "is there twice"},
		{"time twice", codectest.Unhex("a2c07819323031332d30332d32315432303a30343a30302b30353a333001" +
			"c07819323031332d30332d32315432303a30343a30302b30353a333002"), "is there twice"},
		{"text not UTF-8", codectest.Unhex("61ff"), "invalid UTF-8"},
		{"array as key", codectest.Unhex("a1810101"), "an array of 1 is no key that this plugin knows"},
		{"map as key", codectest.Unhex("a1a001"), "an object is no key that this plugin knows"},
		{"time that is none", codectest.Unhex("c000"), "0 is no time of RFC 3339"},
		{"time with a leap second", codectest.Unhex("c074323031362d31322d33315432333a35393a36305a"), "is a leap second"},
		{"time in an array", codectest.Unhex("c080"), "tag 0 has an array, a map or another tag in it"},
		{"time after year 9999", codectest.Unhex("c11b000000e8d4a51000"), "in a year from 0 to 9999"},
		{"time just after year 9999", codectest.Unhex("c11b0000003afff44180"), "in a year from 0 to 9999"},
		{"time just before year 0", codectest.Unhex("c1fbc22cf2e8f8010000"), "in a year from 0 to 9999"},
		{"time after all years", codectest.Unhex("c11bffffffffffffffff"), "in a year from 0 to 9999"},
		{"time of NaN", codectest.Unhex("c1f97e00"), "tag 1 has no number of seconds in it"},
		{"time of infinity", codectest.Unhex("c1f97c00"), "tag 1 has no number of seconds in it"},
		{"time of null", codectest.Unhex("c1f6"), "tag 1 has no number of seconds in it"},
		{"bignum without bytes", codectest.Unhex("c200"), "tag 2 has no bytes in it"},
		{"bignum of a bignum", codectest.Unhex("c2c24101"), "tag 2 has an array, a map or another tag in it"},
		{"length of the universe", codectest.Unhex("9bffffffffffffffff"), "array length 18446744073709551615 is too large"},
		{"length without elements", codectest.Unhex("9a7fffffff"), "exceeded max number of elements"},
		{"bytes of the universe", codectest.Unhex("5b7fffffffffffffff"), "the bytes end in the middle"},
		{"bignum of 1001 digits", bignum(2, power(10, 1000)), "has more than 1000 decimal digits"},
		{"bignum of 1001 digits below 0", bignum(3, power(10, 1000)), "has more than 1000 decimal digits"},
		{"bignum as large as a message", bignum(2, power(2, 80<<20)), "has more than 1000 decimal digits"},
		{"too deep", bytes.Repeat([]byte{0x81}, notation.MaxDepth+1), "it is nested deeper than 32 levels"},
		{"too many", tooMany(), "it has more than 262144 values"},
		{"too many objects", append([]byte{0x9a, 0, 1, 0, 0}, bytes.Repeat([]byte{0xa0}, 1<<16)...),
			"a map, a tag and what JSON lacks count as 4 each"},
	}
	c := newTestCodec(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := c.decode(test.give)
			codectest.Refused(t, err, test.want)
		})
	}
}

// TestLargestBignums has the numbers of most digits that are taken: both ways.
func TestLargestBignums(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("9", 1000)
	tests := []struct {
		encoded []byte
		value   any
	}{
		{bignum(2, new(big.Int).Sub(power(10, 1000), big.NewInt(1))), form("int", digits)},
		{bignum(3, new(big.Int).Sub(power(10, 1000), big.NewInt(2))), form("int", "-"+digits)},
	}
	c := newTestCodec(t)
	for _, test := range tests {
		encoded, err := c.encode(test.value)
		if err != nil || !bytes.Equal(encoded, test.encoded) {
			t.Errorf("encode(%v) = %x, %v; want %x", test.value, encoded, err, test.encoded)
		}
		decoded, err := c.decode(test.encoded)
		if err != nil || !reflect.DeepEqual(decoded, test.value) {
			t.Errorf("decode(%x) = %v, %v; want %v", test.encoded, decoded, err, test.value)
		}
	}
}

func power(base, exponent int64) *big.Int {
	return new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil)
}

// bignum is the shortest data item of a tag, 2 or 3, over the bytes of n, which are more than 255.
func bignum(tag byte, n *big.Int) []byte {
	content := n.Bytes()
	if len(content) <= math.MaxUint16 {
		return append(binary.BigEndian.AppendUint16([]byte{0xc0 | tag, 0x59}, uint16(len(content))), content...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 0x5a}, uint32(len(content))), content...)
}

// TestCost has items of each kind: those that become an object in JSON cost more.
func TestCost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		hex  string
		want int
	}{
		{"00", 1}, {"1bffffffffffffffff", 1}, {"3b7fffffffffffffff", 1}, {"3b8000000000000000", notation.ObjectCost},
		{"40", notation.ObjectCost}, {"60", 1}, {"7f61616161ff", 4}, {"80", 1}, {"820102", 3}, {"9fff", 2},
		{"a0", notation.ObjectCost}, {"a10102", notation.ObjectCost + 2}, {"c100", notation.ObjectCost + 1},
		{"c24101", 2 * notation.ObjectCost},
		{"f4", 1}, {"f6", 1}, {"e0", notation.ObjectCost}, {"f3", notation.ObjectCost}, {"f8ff", notation.ObjectCost},
		{"f97bff", 1}, {"f97c00", notation.ObjectCost}, {"f9fc00", notation.ObjectCost}, {"f97e00", notation.ObjectCost},
		{"fa7f7fffff", 1}, {"faff800000", notation.ObjectCost}, {"fa7fc00000", notation.ObjectCost},
		{"fb7fefffffffffffff", 1}, {"fbfff0000000000000", notation.ObjectCost}, {"fb7ff8000000000000", notation.ObjectCost},
	}
	for _, test := range tests {
		if got := cost(codectest.Unhex(test.hex)); got != test.want {
			t.Errorf("%s costs %d, want %d", test.hex, got, test.want)
		}
	}
}

// tooMany is an array of 512 arrays that hold 512 numbers each: fewer elements in each than are allowed.
func tooMany() []byte {
	inner := append([]byte{0x99, 0x02, 0x00}, make([]byte, 512)...)
	return append([]byte{0x99, 0x02, 0x00}, bytes.Repeat(inner, 512)...)
}

// FuzzDecode holds for any bytes: what is decoded can be encoded, in one way only, and is then the same when decoded
// again.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		f.Add(codectest.Unhex(v.hex))
	}
	c := newTestCodec(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := c.decode(data)
		if err != nil {
			return
		}
		checkRoundTrip(t, c, value)
	})
}

// FuzzEncode holds for any JSON: what is encoded can be decoded, and what that gives is encoded as the same bytes.
func FuzzEncode(f *testing.F) {
	for _, v := range vectors {
		text, err := value.ToJSON(v.value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"$map":[[{"$time":"2013-03-21T20:04:00+05:30"},1],[{"$time":"2013-03-21T20:04:00+05:30"},2]]}`))
	c := newTestCodec(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		given, err := value.FromJSON(text)
		if err != nil {
			return
		}
		encoded, err := c.encode(given)
		if err != nil {
			return
		}
		decoded, err := c.decode(encoded)
		if err != nil {
			t.Fatalf("%s became %x, which cannot be decoded: %v", text, encoded, err)
		}
		if again := checkRoundTrip(t, c, decoded); !bytes.Equal(again, encoded) {
			t.Fatalf("%s became %x, and what that is %x", text, encoded, again)
		}
	})
}

// checkRoundTrip encodes a value that was decoded, and returns the bytes.
func checkRoundTrip(t *testing.T, c codec, decoded any) []byte {
	encoded, err := c.encode(decoded)
	if err != nil {
		t.Fatalf("%#v was decoded and cannot be encoded: %v", decoded, err)
	}
	again, err := c.decode(encoded)
	if err != nil || !reflect.DeepEqual(again, decoded) {
		t.Fatalf("%#v was decoded, and %x of it is %#v, %v", decoded, encoded, again, err)
	}
	return encoded
}
