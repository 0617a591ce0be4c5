package wire

import (
	"bytes"
	"encoding/gob"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire/pb"
)

// Dog is registered by every test binary of this package, and Cat by none.
type (
	Dog struct {
		Name string
		Legs int
	}
	Cat struct{ Name string }
	// Celsius is a type with a name that is close to one of the kinds.
	Celsius float64
	// Bomb panics when it is written.
	Bomb struct{ Fuse int }
)

func (Bomb) GobEncode() ([]byte, error) { panic("bang") }

func (*Bomb) GobDecode([]byte) error { panic("bang") }

func TestMain(m *testing.M) {
	gob.Register(Dog{})
	gob.Register(Bomb{})
	m.Run()
}

// nested returns n lists in each other.
func nested(n int) any {
	var v any
	for range n {
		v = []any{v}
	}
	return v
}

// carried are values and what arrives of them; want is the value itself when it is nil.
func carried() []struct {
	name        string
	value, want any
} {
	dict := map[string]any{"a": []any{int64(1), nil, map[string]any{}}, "": "empty", "b": []byte{0}, "d": Dog{"Rex", 4}}
	return []struct {
		name        string
		value, want any
	}{
		{"nil", nil, nil},
		{"true", true, nil},
		{"false", false, nil},
		{"int64", int64(-5), nil},
		{"smallest int64", int64(math.MinInt64), nil},
		{"largest int64", int64(math.MaxInt64), nil},
		{"int", 5, int64(5)},
		{"int8", int8(-8), int64(-8)},
		{"int32", int32(7), int64(7)},
		{"uint64", uint64(math.MaxUint64), nil},
		{"uint", uint(9), uint64(9)},
		{"uint8", uint8(200), uint64(200)},
		{"float64", 1.5, nil},
		{"float32", float32(0.5), 0.5},
		{"infinity", math.Inf(-1), nil},
		{"empty string", "", nil},
		{"string", "grüß dich \x00", nil},
		{"empty bytes", []byte{}, nil},
		{"nil bytes", []byte(nil), []byte{}},
		{"bytes", []byte{0, 255, 10}, nil},
		{"kibibyte", bytes.Repeat([]byte{7}, 1<<10), nil},
		{"empty list", []any{}, nil},
		{"nil list", []any(nil), []any{}},
		{"list", []any{int64(1), "a", nil, true}, nil},
		{"[]string", []string{"a", "b"}, []any{"a", "b"}},
		{"[]int", []int{1, 2}, []any{int64(1), int64(2)}},
		{"[][]byte", [][]byte{{1}, {}}, []any{[]byte{1}, []byte{}}},
		{"map", dict, nil},
		{"empty map", map[string]any{}, nil},
		{"map of strings", map[string]string{"a": "b"}, map[string]any{"a": "b"}},
		{"map of slices", map[string][]int{"a": {1}}, map[string]any{"a": []any{int64(1)}}},
		{"as deep as may be", nested(maxDepth), nil},
		{"registered", Dog{"Rex", 4}, nil},
		{"pointer to registered", &Dog{"Rex", 4}, Dog{"Rex", 4}},
		{"slice of registered", []Dog{{"Rex", 4}}, []any{Dog{"Rex", 4}}},
	}
}

func TestValuesAreCarried(t *testing.T) {
	t.Parallel()
	for _, c := range carried() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := marshal(c.value, MaxMessage)
			if err != nil {
				t.Fatal(err)
			}
			got, err := unmarshal(b)
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if want == nil {
				want = c.value
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%#v became %#v, want %#v", c.value, got, want)
			}
		})
	}
}

func TestEncodedValuesAreThoseOfTheProtoFile(t *testing.T) {
	t.Parallel()
	for _, c := range carried() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := marshal(c.value, MaxMessage)
			if err != nil {
				t.Fatal(err)
			}
			var message pb.Value
			if err := (proto.UnmarshalOptions{}).Unmarshal(b, &message); err != nil {
				t.Fatalf("protobuf cannot read it: %v", err)
			}
			again, err := proto.Marshal(&message)
			if err != nil {
				t.Fatal(err)
			}
			want, err := unmarshal(b)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := unmarshal(again); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("from protobuf's own bytes came %#v, %v; want %#v", got, err, want)
			}
		})
	}
}

func TestFieldsOfLaterVersionsAreSkipped(t *testing.T) {
	t.Parallel()
	known, err := marshal("kept", MaxMessage)
	if err != nil {
		t.Fatal(err)
	}
	later := []byte{0x9a, 0x06, 1, 'x'} // field 99
	if got, err := unmarshal(append(known, later...)); got != "kept" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestValuesThatCannotBeCarried(t *testing.T) {
	t.Parallel()
	self := map[string]any{}
	self["self"] = self
	for _, c := range []struct {
		name  string
		value any
		kind  error
		says  string
	}{
		{"unregistered", Cat{}, contract.ErrInvalid, "wire.Cat is not registered; call plugin.Register"},
		{"pointer to unregistered", &Cat{}, contract.ErrInvalid, "wire.Cat is not registered"},
		{"unregistered in a map", map[string]any{"a": []Cat{{}}}, contract.ErrInvalid, "wire.Cat is not registered"},
		{"named number", Celsius(1), contract.ErrInvalid, "wire.Celsius is not registered"},
		{"nil pointer", (*Dog)(nil), contract.ErrInvalid, "nil pointer"},
		{"channel", make(chan int), contract.ErrInvalid, "a chan int cannot be carried"},
		{"function", func() {}, contract.ErrInvalid, "a func() cannot be carried"},
		{"complex number", 1i, nil, ""},
		{"keys that are no strings", map[int]string{1: "a"}, contract.ErrInvalid, "map[int]string is not registered"},
		{"not UTF-8", "\xff", contract.ErrInvalid, "make it a []byte"},
		{"key not UTF-8", map[string]any{"\xff": 1}, contract.ErrInvalid, "make it a []byte"},
		{"too deep", nested(maxDepth + 1), contract.ErrInvalid, "more than 100 deep"},
		{"in itself", self, contract.ErrInvalid, "more than 100 deep"},
		{"too many parts", make([]any, maxValues), contract.ErrTooLarge, "more than 1048576 parts"},
		{"panics", Bomb{}, contract.ErrInvalid, "bang"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := marshal(c.value, MaxMessage)
			if !errors.Is(err, c.kind) {
				t.Fatalf("error %v, want one of the kind %v", err, c.kind)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
		})
	}
}

func TestLimitOfValues(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for _, c := range []struct {
		name  string
		value any
		fits  bool
	}{
		{"bytes", make([]byte, limit), true},
		{"bytes and one", make([]byte, limit+1), false},
		{"string", strings.Repeat("a", limit), true},
		{"string and one", strings.Repeat("a", limit+1), false},
		{"list", []any{make([]byte, limit-20)}, true},
		{"list of too much", []any{make([]byte, limit/2), make([]byte, limit/2)}, false},
		{"map", map[string]any{strings.Repeat("k", limit-40): nil}, true},
		{"map of too much", map[string]any{strings.Repeat("k", limit): nil}, false},
		{"registered", Dog{Name: strings.Repeat("a", limit/2)}, true},
		{"registered of too much", Dog{Name: strings.Repeat("a", limit)}, false},
		{"many small", make([]any, limit), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := marshal(c.value, limit)
			if c.fits && err != nil {
				t.Errorf("refused: %v", err)
			}
			if !c.fits && (!errors.Is(err, contract.ErrTooLarge) || !strings.Contains(err.Error(), "1000 bytes")) {
				t.Errorf("error %v, want one that says that 1000 bytes are the limit", err)
			}
		})
	}
}

func TestHostileValuesAreRefused(t *testing.T) {
	t.Parallel()
	deep := []byte{}
	emptyPart := wrap(byte(fieldElement), nil)
	for range maxDepth + 1 {
		deep = wrap(byte(fieldList), wrap(byte(fieldElement), deep))
	}
	for _, c := range []struct {
		name    string
		encoded []byte
		says    string
	}{
		{"no field", []byte{0}, "not encoded"},
		{"cut short", []byte{0x3a, 5, 1}, "not encoded"},
		{"longer than it can be", []byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, "not encoded"},
		{"a string as a number", []byte{6 << 3, 1}, "not encoded"},
		{"a number as a string", wrap(byte(fieldInt), nil), "not encoded"},
		{"not UTF-8", wrap(byte(fieldString), []byte{0xff}), "UTF-8"},
		{"too deep", deep, "more than 100 deep"},
		{"too many parts", wrap(byte(fieldList), bytes.Repeat(emptyPart, maxValues)), "1048576 parts"},
		{"too many entries", wrap(byte(fieldMap), bytes.Repeat(emptyPart, maxValues)), "1048576 parts"},
		{"list over list", bytes.Repeat(wrap(byte(fieldList), emptyPart), maxValues), "1048576 parts"},
		{"gob that ends too early", wrap(byte(fieldGob), gobOf(t, Dog{}, "", "")[:20]), "EOF"},
		{"gob of nothing", wrap(byte(fieldGob), nil), "EOF"},
		{"no gob", wrap(byte(fieldGob), []byte("hello")), ""},
		{"type that nobody knows", wrap(byte(fieldGob), gobOf(t, Dog{}, "wire.Dog", "wire.Rat")),
			"wire.Rat is not registered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, err := unmarshal(c.encoded)
			if err == nil {
				t.Fatalf("became %#v", v)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			if Lost(unusable(err)) {
				t.Errorf("error %q counts as a lost connection", err)
			}
		})
	}
}

// wrap returns b as a field of a message.
func wrap(number byte, b []byte) []byte {
	head := []byte{number<<3 | 2}
	for n := len(b); ; n >>= 7 {
		if n < 0x80 {
			return append(append(head, byte(n)), b...)
		}
		head = append(head, byte(n)|0x80)
	}
}

// gobOf returns v as gob writes it, one name for its type put in the place of another of the same length.
func gobOf(t testing.TB, v any, name, other string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(boxed{v}); err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(b.Bytes(), []byte(name), []byte(other))
}

func TestBytesOfAValueCanBeAppendedTo(t *testing.T) {
	t.Parallel()
	b, err := marshal([]any{[]byte("a"), []byte("b")}, MaxMessage)
	if err != nil {
		t.Fatal(err)
	}
	v, err := unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	list := v.([]any)
	_ = append(list[0].([]byte), "overwritten"...)
	if got := list[1].([]byte); string(got) != "b" {
		t.Errorf("the next value became %q", got)
	}
}

// FuzzUnmarshal holds that no bytes make the reading of a value panic, that protobuf can read what this package can,
// and that what was read is written as something that is read alike.
func FuzzUnmarshal(f *testing.F) {
	for _, c := range carried() {
		if b, err := marshal(c.value, MaxMessage); err == nil {
			f.Add(b)
		}
	}
	f.Add(wrap(byte(fieldList), wrap(byte(fieldMap), []byte{1})))
	f.Add([]byte{0x90, 0x80, 0xff, 0xff, 0x30, 0}) // a field of a number above all that protobuf has
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := unmarshal(b)
		if err != nil {
			return
		}
		if err := proto.Unmarshal(b, &pb.Value{}); err != nil {
			t.Fatalf("protobuf refuses %x, which became %#v: %v", b, v, err)
		}
		again, err := marshal(v, MaxMessage)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", v, err)
		}
		if w, err := unmarshal(again); err != nil || !same(v, w) {
			t.Fatalf("%#v became %#v, %v", v, w, err)
		}
	})
}

// same is reflect.DeepEqual for values in which NaN equals NaN.
func same(v, w any) bool {
	a, errA := marshalSorted(v)
	b, errB := marshalSorted(w)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// marshalSorted writes a value with its maps in order, as protobuf does on request.
func marshalSorted(v any) ([]byte, error) {
	b, err := marshal(v, MaxMessage)
	if err != nil {
		return nil, err
	}
	var message pb.Value
	if err := proto.Unmarshal(b, &message); err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(&message)
}

// FuzzUnmarshalGob holds that no bytes make the reading of a registered type panic.
func FuzzUnmarshalGob(f *testing.F) {
	f.Add(gobOf(f, Dog{"Rex", 4}, "wire.Dog", "wire.Dog"))
	f.Add(gobOf(f, Dog{"Rex", 4}, "wire.Dog", "wire.Cat"))
	f.Add(gobOf(f, []string{"a"}, "", ""))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = unmarshalGob(b)
	})
}
