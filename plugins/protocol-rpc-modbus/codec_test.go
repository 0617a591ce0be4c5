package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/plugins/internal/codectest"
	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/shared/plugin/value"
)

type object = map[string]any

// specification has the examples of the MODBUS Application Protocol Specification V1.1b3, sections 6.1 to 6.6, 6.11,
// 6.12 and 7. https://www.modbus.org/modbus-specifications
var specification = []struct {
	name string
	pdu  string
	want object // without transport and unit
}{
	{"6.1 request", "0100130013",
		object{"kind": "request", "function": int64(1), "address": int64(0x13), "quantity": int64(0x13)}},
	{"6.1 response", "0103cd6b05",
		object{"kind": "response", "function": int64(1), "values": bits("10110011 11010110 10100000")}},
	{"6.2 request", "0200c40016",
		object{"kind": "request", "function": int64(2), "address": int64(0xc4), "quantity": int64(0x16)}},
	{"6.2 response", "0203acdb35",
		object{"kind": "response", "function": int64(2), "values": bits("00110101 11011011 10101100")}},
	{"6.3 request", "03006b0003",
		object{"kind": "request", "function": int64(3), "address": int64(0x6b), "quantity": int64(3)}},
	{"6.3 response", "0306022b00000064",
		object{"kind": "response", "function": int64(3), "values": []any{int64(555), int64(0), int64(100)}}},
	{"6.4 request", "0400080001",
		object{"kind": "request", "function": int64(4), "address": int64(8), "quantity": int64(1)}},
	{"6.4 response", "0402000a", object{"kind": "response", "function": int64(4), "values": []any{int64(10)}}},
	{"6.5 request and response", "0500acff00",
		object{"function": int64(5), "address": int64(0xac), "values": []any{true}}},
	{"6.6 request and response", "0600010003",
		object{"function": int64(6), "address": int64(1), "values": []any{int64(3)}}},
	{"6.11 request", "0f0013000a02cd01", object{"kind": "request", "function": int64(15), "address": int64(0x13),
		"quantity": int64(10), "values": bits("10110011 10")}},
	{"6.11 response", "0f0013000a",
		object{"kind": "response", "function": int64(15), "address": int64(0x13), "quantity": int64(10)}},
	{"6.12 request", "100001000204000a0102", object{"kind": "request", "function": int64(16), "address": int64(1),
		"quantity": int64(2), "values": []any{int64(10), int64(0x102)}}},
	{"6.12 response", "1000010002",
		object{"kind": "response", "function": int64(16), "address": int64(1), "quantity": int64(2)}},
	{"7 request", "0104a10001",
		object{"kind": "request", "function": int64(1), "address": int64(0x4a1), "quantity": int64(1)}},
	{"7 response", "8102", object{"kind": "response", "function": int64(1), "exception": int64(2)}},
}

func bits(text string) []any {
	var values []any
	for _, c := range strings.ReplaceAll(text, " ", "") {
		values = append(values, c == '1')
	}
	return values
}

// with returns a copy of o with more members.
func with(o object, more object) object {
	result := object{}
	for _, m := range []object{o, more} {
		for k, v := range m {
			result[k] = v
		}
	}
	return result
}

func TestSpecification(t *testing.T) {
	t.Parallel()
	for _, test := range specification {
		pdu := codectest.Unhex(test.pdu)
		frames := map[string]struct {
			data []byte
			want object
		}{
			"rtu": {frame{rtu, 0, 17, pdu}.bytes(), with(test.want, object{"transport": "rtu", "unit": int64(17)})},
			"tcp": {frame{tcp, 0x1501, 255, pdu}.bytes(),
				with(test.want, object{"transport": "tcp", "unit": int64(255), "transaction": int64(0x1501)})},
		}
		for transport, f := range frames {
			t.Run(test.name+" "+transport, func(t *testing.T) {
				t.Parallel()
				got, err := decode(ask(f.data, f.want))
				if err != nil || !reflect.DeepEqual(got, any(f.want)) {
					t.Errorf("%x is decoded as\n%v, %v; want\n%v", f.data, got, err, f.want)
				}
				encoded, err := encode(f.want)
				if err != nil || !bytes.Equal(encoded, f.data) {
					t.Errorf("%v is encoded as %x, %v; want %x", f.want, encoded, err, f.data)
				}
			})
		}
	}
}

// ask returns what to decode: the bytes, or, for those that could be a request and a response, also which.
func ask(data []byte, want object) any {
	if want["kind"] == nil {
		return data
	}
	return object{"kind": want["kind"], "frame": data}
}

// TestFrames has whole frames as they are on the wire.
func TestFrames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, hex string
		want      object
	}{
		// MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 4.4.2.1: one register at address 4.
		{"TCP", "15010000000" + "6ff0300040001", object{"transport": "tcp", "transaction": int64(0x1501), "unit": int64(255),
			"kind": "request", "function": int64(3), "address": int64(4), "quantity": int64(1)}},
		{"RTU", "1103006b00037687", object{"transport": "rtu", "unit": int64(17), "kind": "request", "function": int64(3),
			"address": int64(0x6b), "quantity": int64(3)}},
	}
	for _, test := range tests {
		got, err := decode(codectest.Unhex(test.hex))
		if err != nil || !reflect.DeepEqual(got, any(test.want)) {
			t.Errorf("%s: %v, %v; want %v", test.name, got, err, test.want)
		}
	}
}

// TestCRC has the example of the MODBUS over Serial Line Specification V1.02, section 6.2.2, and what the frame of its
// generation's description leaves: a frame with its checksum has the checksum 0.
func TestCRC(t *testing.T) {
	t.Parallel()
	if got := crc16([]byte{0x02, 0x07}); got != 0x1241 {
		t.Errorf("the checksum of 02 07 is %04x, want 1241", got)
	}
	if got := crc16([]byte{0x02, 0x07, 0x41, 0x12}); got != 0 {
		t.Errorf("the checksum of 02 07 41 12 is %04x, want 0", got)
	}
}

// TestDocumented has the examples of the package's comment do what it says of them.
func TestDocumented(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile(`\{"[^}]*\}`).FindAll(source, -1)
	if len(examples) != 4 {
		t.Fatalf("main.go has %d examples, and 4 are known: %s", len(examples), examples)
	}
	for _, example := range examples {
		v, err := value.FromJSON(example)
		if err != nil {
			t.Fatal(err)
		}
		use := encode
		if frame, ok := v.(object)["frame"].(string); ok {
			use = func(v any) ([]byte, error) { _, err := decode(v); return nil, err }
			mustNotShow(t, frame)
		}
		if _, err := use(v); err != nil {
			t.Errorf("%s: %v", example, err)
		}
	}
}

// mustNotShow tells of a frame, in base64, whose bytes alone are enough to decode it.
func mustNotShow(t *testing.T, frame string) {
	t.Helper()
	data, err := notation.Bytes(frame)
	if err != nil {
		t.Fatal(err)
	}
	_, err = decode(data)
	codectest.Refused(t, err, "say which")
}

func TestEncodeShort(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give object
		want string
	}{
		{"quantity from the values", object{"transport": "tcp", "unit": int64(1), "kind": "request", "function": int64(16),
			"address": int64(1), "values": []any{uint64(10), int64(0x102)}}, "00000000000b01100001000204000a0102"},
		{"kind of an echo", object{"transport": "tcp", "unit": int64(1), "kind": "response", "function": int64(5),
			"address": int64(1), "values": []any{false}}, "000000000006010500010000"},
		{"kind of an exception", object{"transport": "tcp", "unit": int64(1), "function": int64(3), "exception": int64(11)},
			"000000000003" + "01830b"},
		{"numbers as some clients write them", object{"transport": "tcp", "unit": 17.0, "kind": "request", "function": 6.0,
			"address": 1.0, "values": []any{3.0}}, "000000000006" + "110600010003"},
	}
	for _, test := range tests {
		encoded, err := encode(test.give)
		if got := hex.EncodeToString(encoded); err != nil || got != test.want {
			t.Errorf("%s: %s, %v; want %s", test.name, got, err, test.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	read := object{"transport": "rtu", "unit": int64(1), "kind": "request", "function": int64(3), "address": int64(0),
		"quantity": int64(1)}
	write := object{"transport": "rtu", "unit": int64(1), "kind": "request", "function": int64(16), "address": int64(0),
		"values": []any{int64(1)}}
	tests := []struct {
		name string
		give any
		want string
	}{
		{"no object", "read", `"read" is no object with transport, unit`},
		{"unknown member", with(read, object{"register": int64(1)}), `"register" is no part of a frame`},
		{"no transport", with(read, object{"transport": nil}), `$["transport"]: say "rtu" or "tcp"`},
		{"transport", with(read, object{"transport": "ascii"}), `"ascii" is neither "rtu" nor "tcp"`},
		{"transaction", with(read, object{"transaction": int64(1)}), "RTU has no transactions"},
		{"no unit", with(read, object{"unit": nil}), `$["unit"]: null is no whole number from 0 to 247`},
		{"reserved unit", with(read, object{"unit": int64(248)}), "248 is no whole number from 0 to 247"},
		{"function", with(read, object{"function": int64(7)}),
			`$["function"]: this plugin knows the functions 1 to 6, 15 and 16`},
		{"kind", with(read, object{"kind": "answer"}), `"answer" is neither "request" nor "response"`},
		{"no kind", with(read, object{"kind": nil}), `$["kind"]: say "request" or "response"`},
		{"no address", with(read, object{"address": nil}), `$["address"]: null is no whole number`},
		{"no quantity", with(read, object{"quantity": nil}), `$["quantity"]: null is no whole number`},
		{"quantity 0", with(read, object{"quantity": int64(0)}), "the quantity is 0, and function 3 takes 1 to 125"},
		{"quantity 126", with(read, object{"quantity": int64(126)}), "the quantity is 126"},
		{"beyond the last address", with(read, object{"address": int64(65535), "quantity": int64(2)}),
			"the last address would be 65536"},
		{"values of a read", with(read, object{"values": []any{int64(1)}}),
			`$["values"]: a frame of this function and kind has none`},
		{"address of an answer", with(read, object{"kind": "response", "values": []any{int64(1)}}),
			`$["address"]: a frame of this`},
		{"no values", with(write, object{"values": nil}), `$["values"]: null is no list of 1 to 123 values`},
		{"too many values", with(write, object{"values": make([]any, 124)}), "an array of 124 is no list of 1 to 123"},
		{"value too large", with(write, object{"values": []any{int64(65536)}}),
			`$["values"][0]: 65536 is no whole number from 0 to 65535`},
		{"float too large", with(write, object{"unit": 248.0}), `$["unit"]: 248.0 is no whole number from 0 to 247`},
		{"value with a fraction", with(write, object{"values": []any{1.5}}), "1.5 is no whole number"},
		{"number for a coil", with(write, object{"function": int64(15)}), "1 is neither true nor false"},
		{"wrong quantity", with(write, object{"quantity": int64(2)}), "it is 2, and there are 1 values"},
		{"exception of a request", object{"transport": "rtu", "unit": int64(1), "kind": "request", "function": int64(3),
			"exception": int64(1)}, `$["exception"]: only a response can be one`},
		{"exception 0", object{"transport": "rtu", "unit": int64(1), "function": int64(3), "exception": int64(0)},
			"exceptions are numbered from 1"},
		{"exception with values", with(write, object{"kind": "response", "exception": int64(1)}), "has none"},
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
	asRTU := func(pdu string) any {
		return object{"transport": "rtu", "frame": frame{rtu, 0, 17, codectest.Unhex(pdu)}.bytes()}
	}
	tests := []struct {
		name string
		give any
		want string
	}{
		{"no frame", object{"kind": "request"}, `$["frame"]: null is no base64`},
		{"unknown member", object{"bytes": ""}, `"bytes" is no part of a frame; it can have transport, kind, frame`},
		{"nothing", []byte{}, "neither of TCP (it has 0 bytes, and the shortest has 8) nor of RTU (it has 0 bytes, " +
			"and the shortest has 4)"},
		{"wrong checksum", codectest.Unhex("1103006b00037688"),
			"its checksum is 76 88, and that of its other bytes is 76 87"},
		{"reserved unit", object{"transport": "rtu", "frame": frame{rtu, 0, 248, codectest.Unhex("0600010003")}.bytes()},
			"its unit is 248, and they are numbered 0 to 247"},
		{"another protocol", object{"transport": "tcp", "frame": codectest.Unhex("150100010006ff0300040001")},
			"its protocol identifier is 1, and that of MODBUS is 0"},
		{"short frame", object{"transport": "tcp", "frame": codectest.Unhex("150100000006ff03000400")},
			"its header says that 6 bytes follow, and 5 do"},
		{"long frame", object{"transport": "rtu", "frame": make([]byte, 257)}, "it has 257 bytes, and the longest has 256"},
		{"long TCP frame", object{"transport": "tcp", "frame": frame{tcp, 0, 1, make([]byte, 254)}.bytes()},
			"it has 261 bytes, and the longest has 260"},
		{"function", asRTU("07"), "the function is 7; this plugin knows 1 to 6, 15 and 16"},
		{"function 128", asRTU("8001"), "the function is 128"},
		{"request or response", asRTU("0103000001"), "say which"},
		{"neither", asRTU("03000000"), "this is neither a request (it has 4 bytes, and it has to have 5) nor a response " +
			"(it has 4 bytes, and its second one has to be the number"},
		{"quantity", asRTU("0300000000"), "the quantity is 0, and function 3 takes 1 to 125"},
		{"beyond the last address", asRTU("03ffff0002"), "the last address would be 65536"},
		{"half a register", asRTU("0303000000"), "3 bytes are no registers"},
		{"coil", asRTU("0500ac0001"), "the coil's value is 0001, and it has to be ff00 for on or 0000 for off"},
		{"too few coils", asRTU("0f0013000a01cd"), "10 values have 2 bytes, and there are 1 of which it announces 1"},
		{"wrong announcement", asRTU("0f0013000a03cd01"), "10 values have 2 bytes, and there are 2 of which it announces 3"},
		{"too many coils", asRTU("01fb" + strings.Repeat("00", 251)),
			"it has 251 bytes of values, and function 1 gives at most 250"},
		{"long exception", asRTU("810200"), "an exception has 3 bytes, and it has to have 2"},
		{"exception 0", asRTU("8100"), "the code of an exception is 0"},
		{"exception as request", object{"kind": "request", "frame": frame{rtu, 0, 1, codectest.Unhex("8102")}.bytes()},
			"the function is 129, which only the response to function 1 has"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(test.give)
			codectest.Refused(t, err, test.want)
		})
	}
}

// TestEitherTransport has bytes that are a frame of TCP whose checksum as a frame of RTU happens to be right.
func TestEitherTransport(t *testing.T) {
	t.Parallel()
	for transaction := range 1 << 16 {
		data := frame{tcp, uint16(transaction), 1, codectest.Unhex("0600010003")}.bytes()
		if _, err := readRTU(data); err == nil {
			_, err := decode(data)
			codectest.Refused(t, err, "the bytes can be a frame of TCP and of RTU; say which")
			return
		}
	}
	t.Fatal("no such bytes were found")
}

// FuzzDecode holds for any bytes: a frame that is decoded is what its description is encoded as, but for bits that fill
// the last byte of a request.
func FuzzDecode(f *testing.F) {
	for _, test := range specification {
		f.Add(codectest.Unhex(test.pdu))
	}
	f.Fuzz(func(t *testing.T, pdu []byte) {
		if len(pdu) == 0 || len(pdu) > maxPDU {
			return
		}
		for _, fr := range []frame{{rtu, 0, 17, pdu}, {tcp, 1, 255, pdu}} {
			data := fr.bytes()
			for _, k := range []kind{request, response} {
				value, err := decode(object{"transport": string(fr.transport), "kind": string(k), "frame": data})
				if err != nil {
					continue
				}
				encoded, err := encode(value)
				if err != nil || len(encoded) != len(data) {
					t.Fatalf("%x is decoded as %v, and that is encoded as %x, %v", data, value, encoded, err)
				}
				again, err := decode(object{"transport": string(fr.transport), "kind": string(k), "frame": encoded})
				if err != nil || !reflect.DeepEqual(again, value) {
					t.Fatalf("%x is decoded as %v, and %x of it as %v, %v", data, value, encoded, again, err)
				}
			}
		}
	})
}
