package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// tagText is the number of the tag over a time as text (RFC 8949 §3.4.1).
const tagText = 0

// toTime returns the data item of a time, which the library would write as null were it the first of the year 1.
func toTime(v any) (any, error) {
	t, err := readTime(v)
	if err != nil {
		return nil, err
	}
	text, err := t.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("%s is no time of RFC 3339: %w", notation.Show(v), err)
	}
	return cbor.Tag{Number: tagText, Content: string(text)}, nil
}

// readTime reads a time of RFC 3339, whose letters may be small (§5.6).
func readTime(v any) (time.Time, error) {
	text, _ := v.(string)
	capital := strings.ToUpper(text)
	if t, err := notation.Time(capital); err == nil {
		return t, nil
	}
	if isLeapSecond(capital) {
		return time.Time{}, fmt.Errorf("%s is a leap second, which this plugin cannot hold; send the second 59 before it",
			notation.Show(v))
	}
	return notation.Time(v) // for an error that repeats what was sent
}

// isLeapSecond tells whether text is a time but for its second, which is 60.
func isLeapSecond(text string) bool {
	const seconds = len("2016-12-31T23:59:")
	if len(text) < seconds || !strings.HasPrefix(text[seconds:], "60") {
		return false
	}
	_, err := notation.Time(text[:seconds] + "59" + text[seconds+2:])
	return err == nil
}
