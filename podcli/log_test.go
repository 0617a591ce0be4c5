package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLogLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logLine(&out, "check succeed", slog.String("address", "http://a/?x&y"), slog.Int("status code", 200),
		slog.String("quoted", `a "b" \c`), slog.String("unsafe", "\x1b[31m\n\xff"))
	fields := parseLog(t, out.String())[0].fields
	for key, want := range map[string]any{
		"address": "http://a/?x&y", "status code": 200.0, "quoted": `a "b" \c`, "unsafe": `\x1b[31m\n\xff`,
	} {
		if fields[key] != want {
			t.Errorf("%s is %v, want %v", key, fields[key], want)
		}
	}
	want := `{"address": "http://a/?x&y", "status code": 200, "quoted": "a \"b\" \\c", "unsafe": "\\x1b[31m\\n\\xff"}`
	if !strings.HasSuffix(out.String(), "\tcheck succeed\t"+want+"\n") {
		t.Errorf("the line is %q, want the fields in their order: %s", out.String(), want)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "plain", "é\t\u202e", "\x1b[31m\u009b", "\xff\xed\xa0\x80", "\ufffd\x7f\u00a0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := printable(s)
		if !utf8.ValidString(shown) {
			t.Errorf("%q is not UTF-8", shown)
		}
		for _, r := range shown {
			if r != '\t' && !strconv.IsPrint(r) {
				t.Errorf("%q holds %U", shown, r)
			}
		}
		if again := printable(shown); again != shown {
			t.Errorf("%q is escaped again to %q", shown, again)
		}
		var decoded string
		if err := json.Unmarshal([]byte(jsonValue(slog.StringValue(s))), &decoded); err != nil || decoded != shown {
			t.Errorf("as JSON %q becomes %q (%v)", shown, decoded, err)
		}
	})
}
