package main

import (
	"fmt"
	"io"
	"log/slog"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// logTime is ISO 8601 with milliseconds.
const logTime = "2006-01-02T15:04:05.000Z"

// logLine writes one line for people and scripts alike: time in UTC, INFO, the caller's file and line, text, and attrs
// as a JSON object in their order, separated by tabs.
func logLine(w io.Writer, text string, attrs ...slog.Attr) {
	_, file, line, _ := runtime.Caller(1)
	caller := path.Join(path.Base(path.Dir(file)), path.Base(file))
	fields := make([]string, len(attrs))
	for i, attr := range attrs {
		fields[i] = strconv.Quote(attr.Key) + ": " + jsonValue(attr.Value)
	}
	fmt.Fprintf(w, "%s\tINFO\t%s:%d\t%s\t{%s}\n",
		time.Now().UTC().Format(logTime), caller, line, text, strings.Join(fields, ", "))
}

// jsonValue returns whole numbers as they are and everything else as a string. Go's quoting of a printable text is
// JSON's too: they differ in the escapes of what cannot be printed only.
func jsonValue(v slog.Value) string {
	if v.Kind() == slog.KindInt64 {
		return v.String()
	}
	return strconv.Quote(printable(v.String()))
}

// printable returns s with every rune that a terminal may obey instead of show, and every byte that is not UTF-8,
// replaced by its escape in Go's notation, such as \x1b. Servers choose what we print: they must not be able to move
// the cursor, hide a line or retitle the window.
func printable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		invalid := r == utf8.RuneError && size == 1
		if r == '\t' || strconv.IsPrint(r) && !invalid {
			b.WriteString(s[:size])
		} else {
			quoted := strconv.Quote(s[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}
