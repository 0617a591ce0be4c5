package main

import (
	"bytes"
	"encoding/hex"
	"math"
	"reflect"
	"testing"

	"github.com/podinfo-targets/podinfo/plugins/internal/codectest"
	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

type object = map[string]any

func TestGeneratedCodeIsCurrent(t *testing.T) {
	t.Parallel()
	testkit.GeneratedFrom(t, "proto", "plugins/protocol-grpc-sparkplugb/pb")
}

// vectors are payloads both ways. Their bytes were made by protoc --encode.
var vectors = []struct {
	name, hex string
	value     any
}{
	{
		// Specification, chapter 6, "Payload Metric Naming Convention".
		"the specification's simple payload",
		"08eaf2f5a8a02b121c0a094d79204d6574726963100118a2828395862b200c7a04546573741802",
		object{
			"timestamp": int64(1486144502122),
			"metrics": []any{object{
				"name": "My Metric", "alias": int64(1), "timestamp": int64(1479123452194), "dataType": "String", "value": "Test",
			}},
			"seq": int64(2),
		},
	}, {
		// Specification, chapter 6, "NBIRTH", in part.
		"the specification's birth certificate",
		"08eaf2f5a8a02b12120a05626453657118eaf2f5a8a02b2008580012210a144e6f646520436f6e74726f6c2f526562697274" +
			"6818eaf2f5a8a02b200b700012240a164e6f646520436f6e74726f6c2f5363616e205261746518eaf2f5a8a02b200458b817" +
			"121e0a0e537570706c7920566f6c7461676518eaf2f5a8a02b2009659a9941411800",
		object{
			"timestamp": int64(1486144502122),
			"metrics": []any{
				object{"name": "bdSeq", "timestamp": int64(1486144502122), "dataType": "UInt64", "value": int64(0)},
				object{"name": "Node Control/Rebirth", "timestamp": int64(1486144502122), "dataType": "Boolean", "value": false},
				object{"name": "Node Control/Scan Rate", "timestamp": int64(1486144502122), "dataType": "Int64",
					"value": int64(3000)},
				object{"name": "Supply Voltage", "timestamp": int64(1486144502122), "dataType": "Float", "value": 12.1},
			},
			"seq": int64(0),
		},
	}, {
		"data set",
		"122c0a016420108a012408021201611201621803180c220d0a0608ffffffff0f0a0332017822070a000a03320179",
		object{"metrics": []any{object{"name": "d", "dataType": "DataSet", "value": object{
			"columns": []any{"a", "b"},
			"types":   []any{"Int32", "String"},
			"rows":    []any{[]any{int64(-1), "x"}, []any{nil, "y"}},
		}}}},
	}, {
		"template",
		"122d0a017420139201250a0131120e0a016d200a69000000000000e03f1a0b0a0170100718ffffffff0f2201542800",
		object{"metrics": []any{object{"name": "t", "dataType": "Template", "value": object{
			"version":      "1",
			"metrics":      []any{object{"name": "m", "dataType": "Double", "value": 0.5}},
			"parameters":   []any{object{"name": "p", "type": "UInt32", "value": int64(4294967295)}},
			"templateRef":  "T",
			"isDefinition": false,
		}}}},
	}, {
		"properties, metadata, no data type",
		"126d10072801300042200801120a746578742f706c61696e180520012a016632037478743a016d4201644a410a075175616c" +
			"6974790a046d6f72650a04736574731205080318c001121008144a0c0a04756e69741204080c100112110815520d0a000a09" +
			"0a016b1204080b380150052201752a020102",
		object{
			"metrics": []any{object{
				"alias": int64(7), "isHistorical": true, "isTransient": false, "value": int64(5),
				"metadata": object{"isMultiPart": true, "contentType": "text/plain", "size": int64(5), "seq": int64(1),
					"fileName": "f", "fileType": "txt", "md5": "m", "description": "d"},
				"properties": object{
					"Quality": object{"type": "Int32", "value": int64(192)},
					"more": object{"type": "PropertySet", "value": object{
						"unit": object{"type": "String", "isNull": true},
					}},
					"sets": object{"type": "PropertySetList", "value": []any{
						object{}, object{"k": object{"type": "Boolean", "value": true}},
					}},
				},
			}},
			"uuid": "u",
			"body": []byte{1, 2},
		},
	},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			decoded, err := decode(codectest.Unhex(v.hex))
			if err != nil || !reflect.DeepEqual(decoded, v.value) {
				t.Errorf("decoded\n%v, %v; want\n%v", decoded, err, v.value)
			}
			encoded, err := encode(v.value)
			if got := hex.EncodeToString(encoded); err != nil || got != v.hex {
				t.Errorf("encoded\n%s, %v; want\n%s", got, err, v.hex)
			}
		})
	}
}

// metric returns a payload with one metric, and metricHex one whose metric has the data type and the value as bytes.
func metric(dataType string, value any) object {
	return object{"metrics": []any{object{"name": "m", "dataType": dataType, "value": value}}}
}

func metricHex(dataType byte, value string) []byte {
	m := append([]byte{0x0a, 1, 'm', 0x20, dataType}, codectest.Unhex(value)...)
	return append([]byte{0x12, byte(len(m))}, m...)
}

// The beginnings of the fields that hold a metric's value.
const (
	intField    = "50"
	longField   = "58"
	floatField  = "65"
	doubleField = "69"
	boolField   = "70"
	textField   = "7a"
	bytesField  = "8201"
)

// TestDataTypes has each data type both ways. The arrays are those of the specification, chapter 6, "Datatype Details".
// What they show of Int8Array, FloatArray and DoubleArray contradicts its text, which says little endian; here they are
// as the text says.
func TestDataTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dataType string
		number   byte
		value    any
		hex      string
	}{
		{"Int8", 1, int64(-128), intField + "80ffffff0f"},
		{"Int8", 1, int64(127), intField + "7f"},
		{"Int16", 2, int64(-32768), intField + "8080feff0f"},
		{"Int32", 3, int64(-1), intField + "ffffffff0f"},
		{"Int32", 3, int64(math.MaxInt32), intField + "ffffffff07"},
		{"Int64", 4, int64(-1), longField + "ffffffffffffffffff01"},
		{"UInt8", 5, int64(255), intField + "ff01"},
		{"UInt16", 6, int64(65535), intField + "ffff03"},
		{"UInt32", 7, int64(math.MaxUint32), intField + "ffffffff0f"},
		{"UInt64", 8, uint64(math.MaxUint64), longField + "ffffffffffffffffff01"},
		{"Float", 9, 1.5, floatField + "0000c03f"},
		{"Float", 9, "NaN", floatField + "0000c07f"},
		{"Double", 10, 1.5, doubleField + "000000000000f83f"},
		{"Double", 10, "-Infinity", doubleField + "000000000000f0ff"},
		{"Boolean", 11, true, boolField + "01"},
		{"String", 12, "ü", textField + "02c3bc"},
		{"DateTime", 13, int64(1486144502122), longField + "eaf2f5a8a02b"},
		{"Text", 14, "", textField + "00"},
		{"UUID", 15, "123e4567-e89b-12d3-a456-426614174000",
			textField + "24" + hex.EncodeToString([]byte("123e4567-e89b-12d3-a456-426614174000"))},
		{"Bytes", 17, []byte{1, 2}, bytesField + "020102"},
		{"File", 18, []byte{}, bytesField + "00"},
		{"Int8Array", 22, []any{int64(-23), int64(123)}, bytesField + "02e97b"},
		{"Int16Array", 23, []any{int64(-30000), int64(30000)}, bytesField + "04d08a3075"},
		{"Int32Array", 24, []any{int64(-1), int64(315338746)}, bytesField + "08fffffffffaafcb12"},
		{"Int64Array", 25, []any{int64(-4270929666821191986), int64(-3601064768563266876)},
			bytesField + "10ce0672ac189cbac4c4ba9c18ac7206ce"},
		{"UInt8Array", 26, []any{int64(23), int64(250)}, bytesField + "0217fa"},
		{"UInt16Array", 27, []any{int64(30), int64(52360)}, bytesField + "041e0088cc"},
		{"UInt32Array", 28, []any{int64(52), int64(3293969225)}, bytesField + "083400000049fb55c4"},
		{"UInt64Array", 29, []any{int64(52), uint64(16444743074749521625)},
			bytesField + "103400000000000000d99e02d1b27637e4"},
		{"FloatArray", 30, []any{1.23, 89.341}, bytesField + "08a4709d3f98aeb242"},
		{"DoubleArray", 31, []any{12.354213, 1022.9123213}, bytesField + "10d7a205685bb528408e171c6f4cf78f40"},
		{"BooleanArray", 32, []any{false, false, true, true, false, true, false, false, true, true, false, true},
			bytesField + "060c00000034d0"},
		{"StringArray", 33, []any{"ABC", "hello"}, bytesField + "0a4142430068656c6c6f00"},
		{"StringArray", 33, []any{""}, bytesField + "0100"},
		{"StringArray", 33, []any{}, bytesField + "00"},
		{"DateTimeArray", 34, []any{int64(1256102875335), int64(1656107875000)},
			bytesField + "10c7d0907524010000b8bab89781010000"},
		{"Int8Array", 22, []any{}, bytesField + "00"},
	}
	for _, test := range tests {
		t.Run(test.dataType, func(t *testing.T) {
			t.Parallel()
			data := metricHex(test.number, test.hex)
			encoded, err := encode(metric(test.dataType, test.value))
			if err != nil || !bytes.Equal(encoded, data) {
				t.Errorf("%v is encoded as %x, %v; want %x", test.value, encoded, err, data)
			}
			decoded, err := decode(data)
			if want := metric(test.dataType, test.value); err != nil || !reflect.DeepEqual(decoded, want) {
				t.Errorf("%x is decoded as %v, %v; want %v", data, decoded, err, want)
			}
		})
	}
}

// TestDecodeLeniently has what other implementations send.
func TestDecodeLeniently(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give []byte
		want any
	}{
		{"UInt32 as long_value", metricHex(7, longField+"ffffffff0f"), metric("UInt32", int64(math.MaxUint32))},
		{"Int8 without its sign extended", metricHex(1, intField+"ff01"), metric("Int8", int64(-1))},
		{"Int32 without its sign extended", metricHex(3, longField+"ffffffff0f"), metric("Int32", int64(-1))},
		{"no data type, long", codectest.Unhex("12051001588010"),
			object{"metrics": []any{object{"alias": int64(1), "value": int64(2048)}}}},
		{"no data type, float", codectest.Unhex("1207100165cdcc4441"),
			object{"metrics": []any{object{"alias": int64(1), "value": 12.3}}}},
		{"no data type, data set", codectest.Unhex("12071001" + "8a01020800"), object{"metrics": []any{object{
			"alias": int64(1), "dataType": "DataSet", "value": object{"columns": []any{}, "types": []any{}, "rows": []any{}},
		}}}},
		{"null with a value", metricHex(3, "3801"+intField+"05"), object{"metrics": []any{object{
			"name": "m", "dataType": "Int32", "isNull": true,
		}}}},
		{"an extension", codectest.Unhex("32021801"), object{"metrics": []any{}}},
		{"nothing", nil, object{"metrics": []any{}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(test.give)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%x is decoded as %v, %v; want %v", test.give, got, err, test.want)
			}
		})
	}
}

// TestEncodeLeniently has whole numbers as some clients write them.
func TestEncodeLeniently(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		give, same any
	}{
		{"Int32", metric("Int32", -5.0), metric("Int32", int64(-5))},
		{"UInt64", metric("UInt64", float64(1<<63)), metric("UInt64", uint64(1<<63))},
		{"array", metric("Int8Array", []any{1.0, int64(2)}), metric("Int8Array", []any{int64(1), int64(2)})},
		{"time and sequence", object{"timestamp": 1486144502122.0, "seq": 2.0},
			object{"timestamp": int64(1486144502122), "seq": int64(2)}},
	}
	for _, test := range tests {
		got, err := encode(test.give)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if want, err := encode(test.same); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is encoded as %x; want %x, %v", test.name, got, want, err)
		}
	}
}

// TestWholeNumbersAsFloats has whole numbers that a float holds: they come back as they were.
func TestWholeNumbersAsFloats(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dataType string
		give     any
		want     float64
	}{
		{"Float", int64(0), 0},
		{"Float", int64(16777215), 16777215},
		{"Float", int64(-16777218), -16777218},
		{"Float", int64(1 << 30), 1 << 30}, // 1.0737418e+09 is enough to tell it from its neighbours
		{"Float", uint64(1 << 63), 1 << 63},
		{"Double", int64(9007199254740991), 9007199254740991},
		{"Double", int64(math.MinInt64), math.MinInt64},
		{"Double", uint64(1 << 63), 1 << 63},
	}
	for _, test := range tests {
		encoded, err := encode(metric(test.dataType, test.give))
		if err != nil {
			t.Errorf("%s %v: %v", test.dataType, test.give, err)
			continue
		}
		got, err := decode(encoded)
		if want := metric(test.dataType, test.want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %v comes back as %v, %v; want %v", test.dataType, test.give, got, err, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	of := func(m object) object { return object{"metrics": []any{m}} }
	template := func(t object) object { return metric("Template", t) }
	set := func(s object) object { return metric("DataSet", s) }
	property := func(p any) object { return of(object{"name": "m", "properties": object{"p": p}}) }
	deep := object{"isDefinition": true}
	for range notation.MaxDepth {
		deep = object{"isDefinition": true, "metrics": []any{object{"name": "m", "dataType": "Template", "value": deep}}}
	}
	tests := []struct {
		name string
		give any
		want string
	}{
		{"no object", []any{}, "an array of 0 is no object; a payload is one, with timestamp, metrics"},
		{"unknown member", object{"metric": nil}, `a payload has no "metric"; it can have timestamp, metrics`},
		{"sequence", object{"seq": int64(256)}, `$["seq"]: 256 is no sequence number, which is a whole number from 0 to 255`},
		{"negative time", object{"timestamp": int64(-1)}, `$["timestamp"]: -1 is no whole number from 0`},
		{"body", object{"body": "?"}, `$["body"]: "?" is no base64`},
		{"metrics", object{"metrics": object{}}, `$["metrics"]: an object is no list`},
		{"no name", of(object{"dataType": "Int8"}), `$["metrics"][0]: a metric needs a name or an alias`},
		{"name", of(object{"name": int64(1)}), `$["metrics"][0]["name"]: 1 is no text`},
		{"name in no encoding", of(object{"name": "\xff"}), "this text is not UTF-8"},
		{"data type", metric("Integer", 1), `["dataType"]: "Integer" is no data type here; these are: Int8, Int16`},
		{"data type of properties", metric("PropertySet", object{}), `"PropertySet" is no data type here`},
		{"Int8 too large", metric("Int8", int64(128)), "128 is no Int8, which is a whole number from -128 to 127"},
		{"Int8 too small", metric("Int8", int64(-129)), "-129 is no Int8"},
		{"UInt8 negative", metric("UInt8", int64(-1)), "-1 is no UInt8, which is a whole number from 0 to 255"},
		{"Int64 too large", metric("Int64", uint64(math.MaxUint64)), "18446744073709551615 is no Int64"},
		{"Int8 too large as a float", metric("Int8", 128.0), "128.0 is no Int8, which is a whole number from -128 to 127"},
		{"Int32 with a fraction", metric("Int32", 1.5), "1.5 is no Int32"},
		{"Int32 as text", metric("Int32", "1"), `"1" is no Int32`},
		{"Float too large", metric("Float", 1e300), "1e+300 is too large for a Float, which has 32 bits; make it a Double"},
		{"Float of too many digits", metric("Float", int64(16777217)),
			"16777217 is no Float, which would make it 16777216; take a data type of whole numbers"},
		{"Double of too many digits", metric("Double", int64(-9007199254740993)),
			"-9007199254740993 is no Double, which would make it -9007199254740992; take"},
		{"Double of 64 digits", metric("Double", uint64(math.MaxUint64)),
			"18446744073709551615 is no Double, which would make it 18446744073709551616; take"},
		{"element of too many digits", metric("FloatArray", []any{int64(math.MaxInt64)}),
			`["value"][0]: 9223372036854775807 is no Float, which would make it 9223372036854775808; take`},
		{"Double as text", metric("Double", "1"), `"1" is none of "NaN"`},
		{"Double as bool", metric("Double", true), "true is no number"},
		{"Boolean as number", metric("Boolean", int64(1)), "1 is neither true nor false"},
		{"String as number", metric("String", int64(1)), "1 is no text"},
		{"UUID", metric("UUID", "123e4567e89b12d3a456426614174000"), `is no UUID such as`},
		{"UUID not hexadecimal", metric("UUID", "g23e4567-e89b-12d3-a456-426614174000"), `is no UUID such as`},
		{"Bytes", metric("Bytes", int64(1)), "1 is no base64"},
		{"element", metric("Int8Array", []any{int64(1), int64(300)}), `["value"][1]: 300 is no Int8`},
		{"array", metric("Int8Array", int64(1)), "1 is no list"},
		{"zero byte in an array", metric("StringArray", []any{"a\x00"}), "cannot hold a zero byte"},
		{"negative without a type", of(object{"alias": int64(1), "value": int64(-1)}), "name one such as Int32"},
		{"object without a type", of(object{"alias": int64(1), "value": object{}}), "a value like this needs dataType"},
		{"null with a value", of(object{"name": "m", "dataType": "Int8", "isNull": true, "value": int64(1)}),
			"there is a value although isNull is true"},
		{"metadata", of(object{"name": "m", "metadata": object{"md5": int64(1)}}), `["metadata"]["md5"]: 1 is no text`},
		{"property without a type", property(object{"value": "a"}), `["properties"]["p"]: a property needs a type`},
		{"property of a metric's type", property(object{"type": "DataSet"}), `"DataSet" is no data type here`},
		{"property with a wrong value", property(object{"type": "Int32", "value": "a"}), `"a" is no Int32`},
		{"property that is none", property("a"), `"a" is no object; a property is one, with type`},
		{"columns without types", set(object{"columns": []any{"a"}}), "there are 1 columns and 0 types"},
		{"column of a metric's type", set(object{"columns": []any{"a"}, "types": []any{"Bytes"}}),
			`"Bytes" is no data type here`},
		{"short row", set(object{"columns": []any{"a"}, "types": []any{"Int8"}, "rows": []any{[]any{}}}),
			`["rows"][0]: an array of 0 is no row, which is a list of 1 values`},
		{"cell", set(object{"columns": []any{"a"}, "types": []any{"Int8"}, "rows": []any{[]any{"x"}}}),
			`["rows"][0][0]: "x" is no Int8`},
		{"template of what kind", template(object{}), "a template needs isDefinition"},
		{"definition with a reference", template(object{"isDefinition": true, "templateRef": "T"}), "a definition has none"},
		{"instance without one", template(object{"isDefinition": false}), "templateRef names the definition"},
		{"parameter without a type", template(object{"isDefinition": true, "parameters": []any{object{"name": "p"}}}),
			`["parameters"][0]: a parameter needs a name and a type`},
		{"too deep", metric("Template", deep), "it is nested deeper than 32 levels"},
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
		{"garbage", []byte("hello"), "this is no payload of Sparkplug B"},
		{"half a payload", codectest.Unhex("08eaf2f5"), "this is no payload of Sparkplug B"},
		{"data type 0", metricHex(0, intField+"01"), `["dataType"]: 0 is the number of no data type here`},
		{"data type 35", metricHex(35, intField+"01"), "35 is the number of no data type here"},
		{"data type of properties", metricHex(20, intField+"01"), "20 is the number of no data type here"},
		{"Int8 too large", metricHex(1, intField+"8002"), "256 is no Int8, which is a whole number from -128 to 127"},
		{"UInt16 too large", metricHex(6, intField+"808004"), "65536 is no UInt16"},
		{"Boolean as number", metricHex(11, intField+"01"),
			"the value is in int_value, which is not where the data type Boolean has it"},
		{"Int32 as text", metricHex(3, textField+"0131"),
			"the value is in string_value, which is not where the data type Int32 has it"},
		{"Double as float", metricHex(10, floatField+"0000c03f"), "the value is in float_value"},
		{"String as data set", metricHex(12, "8a01020800"), "the value is in dataset_value"},
		{"DataSet as text", metricHex(16, textField+"0131"), "the value is in string_value"},
		{"text that is none", metricHex(12, textField+"01ff"), "a string_value is not UTF-8"},
		{"name that is none", codectest.Unhex("12030a01ff"), "a name is not UTF-8"},
		{"half an element", metricHex(23, bytesField+"03000000"), "3 bytes are no array of Int16, which have 2 bytes each"},
		{"no number of booleans", metricHex(32, bytesField+"03000000"), "3 bytes are no array of Boolean"},
		{"more booleans than bits", metricHex(32, bytesField+"0509000000ff"), "an array of 9 Boolean has 2 bytes after"},
		{"unfinished text", metricHex(33, bytesField+"0141"), "does not end with a zero byte"},
		{"keys without values", codectest.Unhex("12054a030a0161"), "there are 1 keys and 0 values"},
		{"key twice", codectest.Unhex("12144a120a01610a0161120408031001120408031001"), `the property "a" is there twice`},
		{"columns without types", metricHex(16, "8a01050801120161"),
			"num_of_columns is 1, and there are 1 columns and 0 types"},
		{"too deep", nested(), "it is nested deeper than 32 levels"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(test.give)
			codectest.Refused(t, err, test.want)
		})
	}
}

// nested is a template in a template, and so on.
func nested() []byte {
	var data []byte
	length := func(n int) []byte {
		var b []byte
		for ; n >= 0x80; n >>= 7 {
			b = append(b, byte(n)|0x80)
		}
		return append(b, byte(n))
	}
	for range 200 {
		data = append(append([]byte{0x92, 0x01}, length(len(data))...), data...) // template_value
		data = append(append([]byte{0x12}, length(len(data))...), data...)       // metrics
	}
	return data
}

// FuzzDecode holds for any bytes: what is decoded and can be encoded is the same when decoded again. Not all of it can:
// what is sent need not keep to all that the specification demands.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		f.Add(codectest.Unhex(v.hex))
	}
	f.Add(metricHex(32, bytesField+"060c00000034d0"))
	f.Add(metricHex(33, bytesField+"0a4142430068656c6c6f00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := decode(data)
		if err != nil {
			return
		}
		encoded, err := encode(value)
		if err != nil {
			return
		}
		again, err := decode(encoded)
		if err != nil || !reflect.DeepEqual(again, value) {
			t.Fatalf("%x became %v, and %x of it %v, %v", data, value, encoded, again, err)
		}
	})
}
