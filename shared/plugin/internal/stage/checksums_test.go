package stage

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseChecksums(t *testing.T) {
	t.Parallel()
	a, b := sumOf("a"), sumOf("b")
	tests := []struct {
		name, text string
		want       map[string][]string // nil is an error
	}{
		{"empty", "", map[string][]string{}},
		{"text mode", a + "  protocol-grpc-cbor\n", map[string][]string{"protocol-grpc-cbor": {a}}},
		{"binary mode", a + " *protocol-grpc-cbor\n", map[string][]string{"protocol-grpc-cbor": {a}}},
		{"no end of line", a + "  x", map[string][]string{"x": {a}}},
		{"end of line of Windows", a + "  x\r\n\r\n", map[string][]string{"x": {a}}},
		{"blanks behind", a + "  x \t\n  \n", map[string][]string{"x": {a}}},
		{"comments", "# ours\n\n" + a + "  x\n#" + b + "  y\n", map[string][]string{"x": {a}}},
		{"upper case", strings.ToUpper(a) + "  x\n", map[string][]string{"x": {a}}},
		{"directories", a + "  bin/plugins/x\n" + b + "  ./y\n", map[string][]string{"x": {a}, "y": {b}}},
		{"two versions", a + "  x\n" + b + "  x\n", map[string][]string{"x": {a, b}}},
		{"twice the same", a + "  x\n" + a + "  x\n", map[string][]string{"x": {a}}},
		{"one blank", a + " x\n", nil},
		{"tab", a + "\tx\n", nil},
		{"no name", a + "\n", nil},
		{"blanks for a name", a + "   \n", nil},
		{"sum of another algorithm", strings.Repeat("0", 40) + "  x\n", nil},
		{"sum that is too long", "0" + a + "  x\n", nil},
		{"no hexadecimal", strings.Repeat("g", 64) + "  x\n", nil},
		{"form of BSD", "SHA256 (x) = " + a + "\n", nil},
		{"blank before", " " + a + "  x\n", nil},
		{"line without end", strings.Repeat("x", 1<<17), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sums, err := parseChecksums(strings.NewReader(tt.text))
			if tt.want == nil {
				if err == nil {
					t.Errorf("it reads as %v, want an error", sums)
				}
				return
			}
			must(t, err)
			got := map[string][]string{}
			for name, listed := range sums {
				got[name] = slices.Sorted(maps.Keys(listed))
			}
			for _, sums := range tt.want {
				slices.Sort(sums)
			}
			if !maps.EqualFunc(got, tt.want, slices.Equal) {
				t.Errorf("it reads as %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseChecksumsNamesTheLine(t *testing.T) {
	t.Parallel()
	_, err := parseChecksums(strings.NewReader("# ours\n\nwrong\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "line 3 ") {
		t.Errorf("the error is %v, want it to name line 3", err)
	}
}

// TestChecksums changes the file of checksums under a stage that is open.
func TestChecksums(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sums := write(t, dir, "sums", "# none yet\n")
	source := write(t, dir, cbor, script)
	s := openStage(t, t.TempDir(), Options{Checksums: sums})
	line := func(content string) string { return sumOf(content) + "  " + cbor }
	hint := fmt.Sprintf("if that file is the one you want, add the line %q", line(script))

	refuses(t, s, source, cbor, sumOf(script), fmt.Sprintf("--plugin-checksums %q", sums), "no plugin of that name", hint)
	write(t, dir, "sums", line("another")+"\n")
	refuses(t, s, source, "it lists other sums for that name", hint)
	write(t, dir, "sums", sumOf(script)+"  protocol-rpc-cbor\n")
	refuses(t, s, source, "it lists no plugin of that name", hint)
	write(t, dir, "sums", "wrong\n")
	refuses(t, s, source, "cannot read --plugin-checksums", "line 1")
	must(t, os.Remove(sums))
	refuses(t, s, source, "cannot read --plugin-checksums", "no such file")
	holds(t, s)

	write(t, dir, "next", line("another")+"\n"+line(script)+"\n")
	must(t, os.Rename(filepath.Join(dir, "next"), sums))
	f := add(t, s, source)
	write(t, dir, cbor, script+"# tampered with\n")
	refuses(t, s, source, "it lists other sums for that name")
	holds(t, s, f.Path)
}

// FuzzParseChecksums parses anything. What is accepted is what the text holds, line by line, and is accepted again when
// it is written as sha256sum would.
func FuzzParseChecksums(f *testing.F) {
	sum := sumOf("a")
	for _, text := range []string{
		"", "# ours", sum + "  x", sum + " *x\r\n", strings.ToUpper(sum) + "  a/x", sum + "  /", sum + "  \x00", "x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sums, err := parseChecksums(strings.NewReader(text))
		if err != nil {
			return
		}
		var again strings.Builder
		for name, listed := range sums {
			for sum := range listed {
				if !strings.Contains(strings.ToLower(text), sum) || !strings.Contains(text, name) && name != "." {
					t.Errorf("%q reads as %s of %q, which is not in it", text, sum, name)
				}
				fmt.Fprintf(&again, "%s  %s\n", sum, name)
			}
		}
		got, err := parseChecksums(strings.NewReader(again.String()))
		must(t, err)
		if !maps.EqualFunc(got, sums, maps.Equal) {
			t.Errorf("%q reads as %v, and when that is written again as %v", text, sums, got)
		}
	})
}
