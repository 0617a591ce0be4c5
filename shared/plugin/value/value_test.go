package value_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/value"
)

// deep is JSON of so many arrays within each other.
func deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

func TestFromJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		json string
		want any
	}{
		{`null`, nil},
		{` true `, true},
		{`"é\u0000\n<"`, "é\x00\n<"},
		{`"\ud83d\ude00\uFFFD\\ud800"`, "😀\ufffd\\ud800"},
		{`""`, ""},
		{`0`, int64(0)},
		{`-0`, math.Copysign(0, -1)},
		{`-9223372036854775808`, int64(math.MinInt64)},
		{`9223372036854775807`, int64(math.MaxInt64)},
		{`9223372036854775808`, uint64(math.MaxInt64 + 1)},
		{`18446744073709551615`, uint64(math.MaxUint64)},
		{`1.0`, 1.0},
		{`1e3`, 1000.0},
		{`18446744073709551616e0`, 18446744073709551616.0},
		{`-0.0`, math.Copysign(0, -1)},
		{`1e-400`, 0.0},
		{`[]`, []any{}},
		{`{}`, map[string]any{}},
		{`[1, [2.5], {"a": [null, {}]}]`,
			[]any{int64(1), []any{2.5}, map[string]any{"a": []any{nil, map[string]any{}}}}},
		{`{"a": {"a": 1}, "A": 2, "": 3}`,
			map[string]any{"a": map[string]any{"a": int64(1)}, "A": int64(2), "": int64(3)}},
		{`"aGk="`, "aGk="},
	} {
		t.Run(c.json, func(t *testing.T) {
			t.Parallel()
			got, err := value.FromJSON([]byte(c.json))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestFromJSONRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, json, want string }{
		{"nothing", "", "there is no JSON"},
		{"blanks", " \r\n\t", "there is no JSON"},
		{"words", "hello", "see byte 1: invalid character 'h'"},
		{"half", `{"a": [1`, "unexpected end"},
		{"a comma too many", `[1,]`, "see byte 4"},
		{"trailing data", `1 2`, "see byte 3"},
		{"NaN", `NaN`, "not one JSON text"},
		{"a leading zero", `01`, "see byte 2"},
		{"not UTF-8", "\"\xff\"", "not UTF-8"},
		{"half of a surrogate pair", `{"a": ["\ud800"]}`, `text by its escape \ud800 (at $["a"][0])`},
		{"the other half", `"a\udc00"`, `its escape \udc00`},
		{"a half before another escape", `"\uD83D\n\ude00"`, `its escape \ud83d`},
		{"a half before a half", `"\ud83d\ud83d\ude00"`, `its escape \ud83d`},
		{"half of a pair in a name", `{"\ud800": 1}`, `its escape \ud800`},
		{"a byte order mark", "\ufeff1", "see byte 1"},
		{"the same member twice", `{"x": [0, {"a": 1, "b": 2, "a": 3}]}`, `a member twice (at $["x"][1]["a"])`},
		{"twice by an escape", `{"a": 1, "\u0061": 2}`, `a member twice (at $["a"])`},
		{"a float too large", `[1, 1e309]`, "the number 1e309 does not fit into a float64 (at $[1])"},
		{"a whole number too large", `18446744073709551616`, "18446744073709551616 does not fit into 64 bits; send"},
		{"a whole number too small", `-9223372036854775809`, "does not fit into 64 bits"},
		{"a number without end", strings.Repeat("9", 1<<16), strings.Repeat("9", 40) + "… does not fit"},
		{"too deep", deep(1001), "deeper than 1000 levels (at $[0][0][0][0]…[0][0][0][0])"},
		{"much too deep", strings.Repeat("[", 1<<20), "not one JSON text"},
		{"a long name", `{"` + strings.Repeat("é", 1000) + `": 1e999}`, `(at $["` + strings.Repeat("é", 20) + `…"])`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := value.FromJSON([]byte(c.json))
			if !errors.Is(err, contract.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want an ErrInvalid with %q", err, c.want)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the error repeats what it was sent without bound: %d bytes", len(err.Error()))
			}
		})
	}
	if _, err := value.FromJSON([]byte(deep(1000))); err != nil {
		t.Errorf("1000 levels: %v, want none to be refused", err)
	}
}

// A few megabytes of JSON must not become gigabytes of values.
func TestFromJSONTakesSoManyValues(t *testing.T) {
	t.Parallel()
	const most = 1 << 18
	for _, element := range []string{"0", "{}", `"x"`} {
		all := "[" + strings.Repeat(element+",", most-2) + element + "]" // The array counts too.
		if v, err := value.FromJSON([]byte(all)); err != nil || len(v.([]any)) != most-1 {
			t.Errorf("%d times %s: %v, want none to be refused", most-1, element, err)
		}
		_, err := value.FromJSON([]byte("[0," + all[1:]))
		if !errors.Is(err, contract.ErrTooLarge) || !strings.Contains(err.Error(), "more than 262144 values") {
			t.Errorf("%d times %s: the error is %v, want an ErrTooLarge", most, element, err)
		}
	}
}

func TestEncodedFromJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		json string
		want any
	}{
		{`"aGk="`, []byte("hi")},
		{`""`, []byte{}},
		{`["aGk="]`, []any{"aGk="}},
		{`1`, int64(1)},
		{`null`, nil},
	} {
		got, err := value.EncodedFromJSON([]byte(c.json))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is %#v, %v; want %#v", c.json, got, err, c.want)
		}
	}
	for _, text := range []string{`"aGk"`, `"a-_="`, `"aGl="`, `"hello!"`, `{`} {
		_, err := value.EncodedFromJSON([]byte(text))
		if !errors.Is(err, contract.ErrInvalid) {
			t.Errorf("%s: the error is %v, want an ErrInvalid", text, err)
		}
	}
}

type dog struct {
	Name string `json:"name"`
	Bark []byte `json:"bark"`
}

func TestToJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, `null`},
		{true, `true`},
		{int64(math.MinInt64), `-9223372036854775808`},
		{uint64(math.MaxUint64), `18446744073709551615`},
		{int64(1), `1`},
		{0.1, `0.1`},
		{1.0, `1.0`},
		{-20.0, `-20.0`},
		{0.0, `0.0`},
		{math.Copysign(0, -1), `-0.0`},
		{1e-7, `1e-7`},
		{[]any{2.0, map[string]any{"a": 3.0}}, `[2.0,{"a":3.0}]`},
		{1e21, `1e+21`},
		{1e20, `1e+20`},
		{-102222222002262222222.20, `-1.0222222200226223e+20`},
		{float64(1 << 62), `4.611686018427388e+18`},
		{float64(1 << 53), `9007199254740992.0`},
		{float64(1<<53 + 2), `9.007199254740994e+15`},
		{"<é>\u2028", `"<é>\u2028"`},
		{[]byte("hi"), `"aGk="`},
		{[]byte(nil), `""`},
		{[]any(nil), `[]`},
		{map[string]any(nil), `{}`},
		{[]any{[]byte{0xff}, map[string]any{"z": nil, "a": []byte{}}}, `["/w==",{"a":"","z":null}]`},
		{dog{"Rex", []byte("wuff")}, `{"name":"Rex","bark":"d3VmZg=="}`},
		{[]any{&dog{Name: "Rex"}}, `[{"name":"Rex","bark":null}]`},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			got, err := value.ToJSON(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestToJSONRefuses(t *testing.T) {
	t.Parallel()
	var endless any = []any{nil}
	endless.([]any)[0] = endless
	round := map[string]any{}
	round["again"] = round
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"NaN", []any{1.0, math.NaN()}, "JSON cannot hold the number NaN (at $[1])"},
		{"infinity", map[string]any{"a": math.Inf(-1)}, `the number -Inf (at $["a"])`},
		{"text", "\xff", "text that is not UTF-8"},
		{"name", map[string]any{"\xff": 1}, `a name that is not UTF-8 (at $["\xff"])`},
		{"keys that are no text", []any{map[any]any{1: 2}}, "map[interface {}]interface {} (at $[0])"},
		{"a function", func() {}, "func()"},
		{"NaN in a type of its own", struct{ F float64 }{math.NaN()}, "NaN"},
		{"a list of itself", endless, "deeper than 1000 levels"},
		{"an object of itself", round, "deeper than 1000 levels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := value.ToJSON(c.value)
			if !errors.Is(err, contract.ErrAnswer) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want an ErrAnswer with %q", err, c.want)
			}
		})
	}
}

func TestToIndentedJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, `null`},
		{[]any{}, `[]`},
		{"[{,:\\\"", `"[{,:\\\""`},
		{1.0, `1.0`},
		{map[string]any{"a": []any{int64(1), "<"}, "b": []byte("hi")},
			"{\n  \"a\": [\n    1,\n    \"<\"\n  ],\n  \"b\": \"aGk=\"\n}"},
	} {
		got, err := value.ToIndentedJSON(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%v is %s, %v; want %s", c.value, got, err, c.want)
		}
	}
	if _, err := value.ToIndentedJSON(math.NaN()); !errors.Is(err, contract.ErrAnswer) {
		t.Errorf("NaN: the error is %v, want an ErrAnswer", err)
	}
}

// A list of small elements that lies deep is a thousand times as long when it is indented.
func TestIndentationIsBounded(t *testing.T) {
	t.Parallel()
	var v any = slices.Repeat([]any{true}, 1<<16)
	for range 900 {
		v = []any{v}
	}
	got, err := value.ToIndentedJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := value.ToJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, compact) {
		t.Errorf("%d bytes became %d, want no indentation", len(compact), len(got))
	}
}

// Whatever comes in is either refused, or a value that JSON can hold and that stays the same on a second way.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`null`, `[1, -1, 18446744073709551615, 1e3, -0.0]`, `{"a": {"b": ["é", "\ud800"]}}`, `"aGk="`, `{"a":1,"a":2}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := value.FromJSON(data)
		if err != nil {
			if !errors.Is(err, contract.ErrInvalid) && !errors.Is(err, contract.ErrTooLarge) {
				t.Fatalf("the error is %v, want an ErrInvalid or ErrTooLarge", err)
			}
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var known any
		if err := decoder.Decode(&known); err != nil || !same(v, known) {
			t.Fatalf("%q is %#v, but encoding/json has %#v, %v", data, v, known, err)
		}
		once, err := value.ToJSON(v)
		if err != nil {
			t.Fatalf("what was read from %q cannot be written: %v", data, err)
		}
		again, err := value.FromJSON(once)
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%q was written as %q, which is %#v, %v; want %#v", data, once, again, err, v)
		}
		twice, err := value.ToJSON(again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q was written as %q and then as %q, %v", data, once, twice, err)
		}
		var stripped bytes.Buffer
		if indented, err := value.ToIndentedJSON(v); err != nil || json.Compact(&stripped, indented) != nil ||
			!bytes.Equal(stripped.Bytes(), once) {
			t.Fatalf("%q is indented as %q, %v", once, indented, err)
		}
		if _, err := value.EncodedFromJSON(data); err != nil && !errors.Is(err, contract.ErrInvalid) {
			t.Fatalf("the error is %v, want an ErrInvalid", err)
		}
	})
}

// A number that was written and read is the number that it was: of the same type, and each bit of it.
func FuzzNumber(f *testing.F) {
	for _, seed := range []float64{
		0, math.Copysign(0, -1), 1, -1, 0.5, 1e-7, math.SmallestNonzeroFloat64, 1e15, 1<<53 - 1, 1 << 53, 1<<53 + 2, 1 << 63,
		1 << 64, 1e20, 1e21, 1e300, math.MaxFloat64, -math.MaxFloat64, 16777217, math.MaxFloat32,
	} {
		f.Add(math.Float64bits(seed))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		numbers := []any{int64(bits), bits | 1<<63} //nolint:gosec // any bits will do
		if n := math.Float64frombits(bits); !math.IsNaN(n) && !math.IsInf(n, 0) {
			numbers = append(numbers, n, math.Trunc(n))
		}
		for _, n := range numbers {
			for _, write := range []func(any) ([]byte, error){value.ToJSON, value.ToIndentedJSON} {
				written, err := write(n)
				if err != nil {
					t.Fatalf("%T %v: %v", n, n, err)
				}
				read, err := value.FromJSON(written)
				if err != nil || !identical(read, n) {
					t.Fatalf("%T %v was written as %s, which is %T %v, %v", n, n, written, read, read, err)
				}
			}
		}
	})
}

// identical tells whether two numbers are one, the sign of a zero included.
func identical(a, b any) bool {
	x, isFloat := a.(float64)
	y, areFloats := b.(float64)
	if isFloat && areFloats {
		return math.Float64bits(x) == math.Float64bits(y)
	}
	return a == b
}

// same tells whether v is what encoding/json made of the same text, with its numbers left as they were written.
func same(v, known any) bool {
	switch k := known.(type) {
	case json.Number:
		switch n := v.(type) {
		case int64:
			return strconv.FormatInt(n, 10) == k.String()
		case uint64:
			return strconv.FormatUint(n, 10) == k.String()
		default:
			f, err := k.Float64()
			return err == nil && v == f
		}
	case []any:
		list, ok := v.([]any)
		return ok && slices.EqualFunc(list, k, same)
	case map[string]any:
		members, ok := v.(map[string]any)
		return ok && maps.EqualFunc(members, k, same)
	default:
		return v == known
	}
}
