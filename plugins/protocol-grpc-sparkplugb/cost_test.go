package main

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/podinfo-targets/podinfo/plugins/internal/codectest"
)

// field returns a field that has bytes: a text, or a message of such fields.
func field(number protowire.Number, content ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), bytes.Join(content, nil))
}

// many returns n times a field.
func many(n int, f []byte) []byte { return bytes.Repeat(f, n) }

// birth is the payload of a node that has n metrics, as they are in practice.
func birth(n int) (data []byte) {
	for i := range n {
		name := fmt.Appendf(nil, "Plant/Line %06d/Temp", i)
		data = append(data, field(2, field(1, name), codectest.Unhex("18eaf2f5a8a02b"+"200a"+"69000000000000f83f"))...)
	}
	return data
}

// properties is a payload with one metric that has n of them.
func properties(n int) []byte {
	var set []byte
	for i := range n {
		set = append(set, field(1, fmt.Append(nil, i))...)
		set = append(set, field(2, []byte{0x08, 3})...)
	}
	return field(2, field(9, set))
}

// dataSet is a payload with a data set of n rows that have 8 cells each.
func dataSet(n int, cell []byte) []byte {
	columns := append([]byte{0x08, 8}, many(8, append(field(2), 0x18, 3))...) // of Int32
	return field(2, []byte{0x10, 1, 0x20, 16}, field(17, columns, many(n, field(4, many(8, cell)))))
}

// arrays is a payload with n metrics that have such bytes.
func arrays(n int, dataType byte, packed []byte) []byte {
	return many(n, field(2, []byte{0x10, 1, 0x20, dataType}, field(16, packed)))
}

// TestMemoryOfDecode is not beside other tests: it looks at the memory of the whole process.
func TestMemoryOfDecode(t *testing.T) { //nolint:paralleltest // see above
	fullMetric := field(2, codectest.Unhex("0a001001180120032800300138005001"), field(8), field(9))
	tests := []struct {
		name  string
		parts int // that are let through; an eighth more is too much
		of    func(n int) []byte
	}{
		{"metrics as they are in practice", 31_000, birth},
		{"empty metrics", 43_000, func(n int) []byte { return many(n, field(2)) }},
		{"empty templates", 21_000, func(n int) []byte { return many(n, field(2, field(18))) }},
		{"metrics with all that they can have", 11_500, func(n int) []byte { return many(n, fullMetric) }},
		{"properties", 35_000, properties},
		{"empty sets of properties", 42_000, func(n int) []byte {
			return field(2, field(9, field(1), field(2, []byte{0x08, 21}, field(10, many(n, field(1))))))
		}},
		{"empty rows", 130_000, func(n int) []byte { return field(2, field(17, []byte{0x08, 0}, many(n, field(4)))) }},
		{"empty cells", 14_000, func(n int) []byte { return dataSet(n, field(1)) }},
		{"cells", 11_500, func(n int) []byte { return dataSet(n, field(1, codectest.Unhex("08e807"))) }},
		{"arrays of Int8", 15, func(n int) []byte { return arrays(n, 22, many(1<<15, []byte{0x80})) }},
		{"arrays of Boolean", 15, func(n int) []byte {
			return arrays(n, 32, append([]byte{0, 0x80, 0, 0}, make([]byte, 1<<12)...))
		}},
		{"arrays of String", 14, func(n int) []byte { return arrays(n, 33, many(1<<15, []byte{'a', 0})) }},
		{"bytes", 15, func(n int) []byte { return arrays(n, 17, make([]byte, 1<<20)) }},
	}
	for _, test := range tests {
		data, more := test.of(test.parts), test.of(test.parts+test.parts/8+1)
		spends(t, test.name, func() error { _, err := decode(data); return err }, "")
		spends(t, "more "+test.name, func() error { _, err := decode(more); return err }, tooMuch)
	}
	// What follows is refused for another reason when it is no more than can be afforded.
	keys, types := field(2, field(9, many(1<<19, field(1)))), field(2, field(17, field(3, make([]byte, 1<<19))))
	spends(t, "keys without values", func() error { _, err := decode(keys); return err }, tooMuch)
	spends(t, "types without columns", func() error { _, err := decode(types); return err }, tooMuch)
}

// TestMemoryOfEncode has the same bound for the way back, the value that is encoded not included.
func TestMemoryOfEncode(t *testing.T) { //nolint:paralleltest // see TestMemoryOfDecode
	list := func(n int, element any) []any { return slices.Repeat([]any{element}, n) }
	set := func(n int, row ...any) any {
		columns, types := list(len(row), "c"), list(len(row), "Int32")
		return metric("DataSet", object{"columns": columns, "types": types, "rows": list(n, row)})
	}
	tests := []struct {
		name  string
		parts int
		of    func(n int) any
	}{
		{"metrics as they are in practice", 31_000, func(n int) any {
			m := object{"name": "Plant/Line 000000/Temp", "timestamp": int64(1), "dataType": "Double", "value": 1.5}
			return object{"metrics": list(n, m)}
		}},
		{"empty cells", 14_000, func(n int) any { return set(n, list(8, nil)...) }},
		{"cells", 14_000, func(n int) any { return set(n, list(8, int64(1000))...) }},
		{"an array", 500_000, func(n int) any { return metric("Int64Array", list(n, int64(1000))) }},
		{"texts", 250_000, func(n int) any { return metric("StringArray", list(n, strings.Repeat("a", 32))) }},
	}
	for _, test := range tests {
		value, more := test.of(test.parts), test.of(test.parts+test.parts/8)
		spends(t, test.name, func() error { _, err := encode(value); return err }, "")
		spends(t, "more "+test.name, func() error { _, err := encode(more); return err }, tooMuch)
	}
}

const tooMuch = "and 16777216 is the most; split it"

// spends tells of a call that needs far more memory than maxCost, or whose error has not the words of want, if any.
func spends(t *testing.T, name string, call func() error, want string) {
	t.Helper()
	took, err := peak(call)
	if limit := uint64(maxCost + maxCost/4); took > limit {
		t.Errorf("%s: %d bytes were in use at once, more than %d", name, took, limit)
	}
	if want != "" {
		codectest.Refused(t, err, want)
	} else if err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// peak returns how much memory, about, was in use at once during the call. It has the garbage collected often, and
// asks what that found to be in use.
func peak(call func() error) (uint64, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	runtime.GC()
	before := inUse()
	result := make(chan error, 1)
	go func() { result <- call() }()
	for most := before; ; most = max(most, inUse()) {
		select {
		case err := <-result:
			return max(most, inUse()) - before, err
		case <-time.After(100 * time.Microsecond):
		}
	}
}

func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
