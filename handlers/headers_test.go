package handlers

import (
	"encoding/json"
	"net/http"
	"testing"
)

// FuzzHeaderJSON holds the fast encoder against encoding/json, which is right by definition.
func FuzzHeaderJSON(f *testing.F) {
	f.Add("Accept", "*/*", "X-Odd", "a\"b\\c<&>\x00\x7f\u2028é\xff")
	f.Add("", "", "A", "")
	f.Fuzz(func(t *testing.T, name, value, other, second string) {
		for _, h := range []http.Header{
			{}, {name: {value}}, {name: {value, second}}, {name: {value}, other: {second}}, {name: {}},
		} {
			want, err := json.MarshalIndent(h, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if got := string(appendHeaderJSON(nil, h)); got != string(want) {
				t.Errorf("header %q:\ngot  %s\nwant %s", h, got, want)
			}
		}
	})
}

// BenchmarkHeaderJSON shows what the fast encoder is there for.
func BenchmarkHeaderJSON(b *testing.B) {
	h := http.Header{
		"Accept": {"*/*"}, "User-Agent": {"curl/8.0"}, "X-Forwarded-For": {"10.0.0.1", "10.0.0.2"}, "X-Request-Id": {"7d3b"},
	}
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			out = appendHeaderJSON(out[:0], h)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.MarshalIndent(h, "", "  "); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestAddedFieldsReplaceTheClients(t *testing.T) {
	t.Parallel()
	h := http.Header{"X-Api-Version": {"forged"}, "A": {"1"}}
	got := string(appendHeaderJSON(nil, h, headerField{"X-Api-Version", []string{"6"}}))
	want, err := json.MarshalIndent(http.Header{"X-Api-Version": {"6"}, "A": {"1"}}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestObject has values that JSON escapes, as those that are linked in or configured may be.
func TestObject(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "plain", `"quoted" \`, "<b>&</b>", "grüezi", "\x00\x7f\u2028", "\xff"} {
		got := object([2]string{"a", value}, [2]string{"b", "c"})
		want := mustJSON(struct {
			A string `json:"a"`
			B string `json:"b"`
		}{value, "c"})
		if string(got) != string(want) {
			t.Errorf("the object of %q is\n%s, want\n%s", value, got, want)
		}
	}
}
