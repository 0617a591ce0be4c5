package notation_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

func TestForm(t *testing.T) {
	t.Parallel()
	known := map[string][]string{"$bytes": nil, "$tag": {"$value"}}
	tests := []struct {
		name   string
		object map[string]any
		want   string // the form, or "" for a plain object
		fault  string
	}{
		{name: "plain", object: map[string]any{"a": 1}},
		{name: "empty", object: map[string]any{}},
		{name: "one key", object: map[string]any{"$bytes": ""}, want: "$bytes"},
		{name: "two keys", object: map[string]any{"$tag": int64(1), "$value": nil}, want: "$tag"},
		{name: "unknown", object: map[string]any{"$ref": ""}, fault: `{"$bytes": ...}, {"$tag": ..., "$value": ...}`},
		{name: "half of one", object: map[string]any{"$tag": int64(1)}, fault: `"$tag"`},
		{name: "beside others", object: map[string]any{"$bytes": "", "a": 1}, fault: `{"$map": [[key, value], ...]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, is, err := notation.Form(test.object, known)
			if test.fault != "" {
				refused(t, err, test.fault)
				return
			}
			if err != nil || got != test.want || is != (test.want != "") {
				t.Errorf("Form(%v) = %q, %v, %v; want %q", test.object, got, is, err, test.want)
			}
		})
	}
}

func TestReading(t *testing.T) {
	t.Parallel()
	read := map[string]func(any) (any, error){
		"$bytes": func(v any) (any, error) { return notation.Bytes(v) },
		"$float": func(v any) (any, error) { return notation.Float(v) },
		"$time":  func(v any) (any, error) { return notation.Time(v) },
		"$map":   func(v any) (any, error) { return notation.Pairs(v) },
	}
	tests := []struct {
		form  string
		give  any
		want  any
		fault string
	}{
		{form: "$bytes", give: "AQI=", want: []byte{1, 2}},
		{form: "$bytes", give: []byte{1}, want: []byte{1}},
		{form: "$bytes", give: "AQI", fault: `"AQI" is no base64`},
		{form: "$bytes", give: int64(1), fault: "1 is no base64"},
		{form: "$float", give: "Infinity", want: math.Inf(1)},
		{form: "$float", give: "-Infinity", want: math.Inf(-1)},
		{form: "$float", give: 1.5, fault: "1.5 is none of"},
		{form: "$time", give: "2013-03-21T20:04:00Z", want: time.Date(2013, 3, 21, 20, 4, 0, 0, time.UTC)},
		{form: "$time", give: "yesterday", fault: `"yesterday" is no time of RFC 3339`},
		{form: "$time", give: nil, fault: "null is no time"},
		{form: "$map", give: []any{[]any{int64(1), "a"}}, want: []notation.Pair{{Key: int64(1), Value: "a"}}},
		{form: "$map", give: []any{[]any{int64(1)}}, fault: "$[0]: an array of 1 is no pair"},
		{form: "$map", give: map[string]any{}, fault: "an object is no list of pairs"},
	}
	for _, test := range tests {
		got, err := read[test.form](test.give)
		if test.fault != "" {
			refused(t, err, test.fault)
			continue
		}
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s %v = %v, %v; want %v", test.form, test.give, got, err, test.want)
		}
	}
	if nan, err := notation.Float("NaN"); err != nil || !math.IsNaN(nan) {
		t.Errorf("$float NaN = %v, %v", nan, err)
	}
}

func TestWriting(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, got, want any }{
		{"number", notation.FromFloat(1.5), 1.5},
		{"NaN", notation.FromFloat(math.NaN()), map[string]any{"$float": "NaN"}},
		{"infinity", notation.FromFloat(math.Inf(-1)), map[string]any{"$float": "-Infinity"}},
		{"object", notation.FromPairs([]notation.Pair{{Key: "a", Value: nil}}), map[string]any{"a": nil}},
		{"number as key", notation.FromPairs([]notation.Pair{{Key: "a", Value: "b"}, {Key: int64(1), Value: "c"}}),
			map[string]any{"$map": []any{[]any{"a", "b"}, []any{int64(1), "c"}}}},
		{"key with $", notation.FromPairs([]notation.Pair{{Key: "$a", Value: nil}}),
			map[string]any{"$map": []any{[]any{"$a", nil}}}},
	}
	for _, test := range tests {
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.got, test.want)
		}
	}
	zone := time.FixedZone("", 3600)
	form, ok := notation.FromTime(time.Date(2013, 3, 21, 21, 4, 0, 500, zone))
	if want := map[string]any{"$time": "2013-03-21T20:04:00.0000005Z"}; !ok || !reflect.DeepEqual(form, want) {
		t.Errorf("time %v, want %v", form, want)
	}
	if form, ok := notation.FromTime(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
		t.Errorf("the year 10000 became %v, which RFC 3339 cannot write", form)
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	tests := []struct{ give, want any }{
		{17.0, int64(17)},
		{-17.0, int64(-17)},
		{math.Copysign(0, -1), int64(0)},
		{-float64(1 << 63), int64(math.MinInt64)},
		{float64(1 << 63), uint64(1 << 63)},
		{float64(1 << 64), float64(1 << 64)},
		{-float64(1<<63) - 2048, -float64(1<<63) - 2048},
		{17.5, 17.5},
		{math.Inf(1), math.Inf(1)},
		{int64(1), int64(1)},
		{uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{"1", "1"},
	}
	for _, test := range tests {
		if got := notation.Whole(test.give); got != test.want {
			t.Errorf("Whole(%T %v) = %T %v, want %T %v", test.give, test.give, got, got, test.want, test.want)
		}
	}
	if nan, ok := notation.Whole(math.NaN()).(float64); !ok || !math.IsNaN(nan) {
		t.Errorf("Whole(NaN) = %v", nan)
	}
}

// TestShowNumbers tells the numbers apart that JSON writes differently: 17 is not 17.0.
func TestShowNumbers(t *testing.T) {
	t.Parallel()
	tests := map[any]string{
		int64(17): "17", uint64(17): "17", 17.0: "17.0", 1.5: "1.5", 1e300: "1e+300", math.Inf(1): "+Inf",
	}
	for give, want := range tests {
		if got := notation.Show(give); got != want {
			t.Errorf("%T %v is shown as %s, want %s", give, give, got, want)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	t.Parallel()
	cause := errors.New("no")
	err := notation.At("a", notation.At(3, cause))
	if got, want := err.Error(), `$["a"][3]: no`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	for range 1000 {
		err = notation.At(strings.Repeat("k", 1000), err)
	}
	if got := err.Error(); len(got) > 1000 || !strings.HasSuffix(got, "…: no") {
		t.Errorf("the error of a deep value has %d bytes and ends with %q", len(got), got[max(0, len(got)-20):])
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}
