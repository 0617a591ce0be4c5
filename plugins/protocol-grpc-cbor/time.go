package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// toTime returns the data item of a time, which the library would write as null were it the first of the year 1.
func toTime(v any) (any, error) {
	text, err := timeText(v)
	return cbor.Tag{Number: tagText, Content: text}, err
}

// fromText returns what tag 0 stands for.
func fromText(content any) (any, error) {
	text, err := timeText(content)
	return map[string]any{"$time": text}, err
}

// The seconds after 1970 at which the years begin and end that RFC 3339 can write.
const (
	firstSecond = -62167219200 // 0000-01-01T00:00:00Z
	pastSecond  = 253402300800 // 10000-01-01T00:00:00Z
)

// fromSeconds returns what tag 1 stands for. The library would make the first of the year 1 of what is no number.
func fromSeconds(content any) (any, error) {
	var seconds, fraction float64
	switch n := content.(type) {
	case int64:
		seconds = float64(n) // which is exact within those years
	case float64:
		seconds, fraction = math.Modf(n)
	default:
		seconds = math.NaN()
	}
	if seconds >= firstSecond && seconds < pastSecond {
		if form, ok := notation.FromTime(time.Unix(int64(seconds), int64(fraction*1e9))); ok {
			return form, nil
		}
	}
	return nil, errors.New("tag 1 has no number of seconds in it that ends in a year from 0 to 9999")
}

// timeText returns a time of RFC 3339 in the one way that this plugin writes it.
func timeText(v any) (string, error) {
	t, err := readTime(v)
	if err != nil {
		return "", err
	}
	text, err := t.MarshalText()
	if err != nil {
		return "", fmt.Errorf("%s is no time of RFC 3339: %w", notation.Show(v), err)
	}
	return string(text), nil
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
