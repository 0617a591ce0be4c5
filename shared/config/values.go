package config

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// longest bounds every duration: far beyond any use, and far from where twice of it would overflow.
const longest = 365 * 24 * time.Hour

// checked is a [pflag.Value] that checks a text before it takes it, so that the target never holds a bad value.
type checked[T any] struct {
	target *T
	kind   string // as the usage shows it; bool, int, string and duration are known to pflag
	parse  func(string) (T, error)
	format func(T) string
}

func (v *checked[T]) Set(text string) error {
	parsed, err := v.parse(text)
	if err != nil {
		return err
	}
	*v.target = parsed
	return nil
}

func (v *checked[T]) String() string { return v.format(*v.target) }
func (v *checked[T]) Type() string   { return v.kind }

func itself(text string) string { return text }

// text takes any text as it is.
func text(target *string, initial string) *checked[string] {
	return parsedText(target, initial, func(s string) (string, error) { return s, nil })
}

// trimmedText takes any text without the white space around it, which files and here documents like to leave behind.
func trimmedText(target *string, initial string) *checked[string] {
	return parsedText(target, initial, func(s string) (string, error) { return strings.TrimSpace(s), nil })
}

func parsedText(target *string, initial string, parse func(string) (string, error)) *checked[string] {
	*target = initial
	return &checked[string]{target: target, kind: "string", parse: parse, format: itself}
}

// host takes a name or an address. The brackets of a literal IPv6 address are how URLs write it; listeners add their
// own.
func host(target *string) *checked[string] {
	return parsedText(target, "", func(s string) (string, error) {
		s = strings.TrimSpace(s)
		if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
			s = s[1 : len(s)-1]
		}
		return s, nil
	})
}

// prefix takes a path as [NormalizePrefix] does, and shows the root as a slash.
func prefix(target *string) *checked[string] {
	value := parsedText(target, "", NormalizePrefix)
	value.format = func(s string) string {
		if s == "" {
			return "/"
		}
		return s
	}
	return value
}

// secret takes any text but an empty one, and does not show what it holds.
func secret(target *string, initial string) *checked[string] {
	value := parsedText(target, initial, func(s string) (string, error) {
		if s == "" {
			return "", errors.New("empty; give a secret or leave the setting out")
		}
		return s, nil
	})
	value.format = func(string) string { return "" }
	return value
}

func boolean(target *bool) *checked[bool] {
	return &checked[bool]{target: target, kind: "bool", format: strconv.FormatBool,
		parse: func(s string) (bool, error) {
			parsed, err := strconv.ParseBool(strings.TrimSpace(s))
			if err != nil {
				return false, errors.New("neither true nor false; give one of the two")
			}
			return parsed, nil
		}}
}

// whole takes a decimal number from low to high.
func whole[T int | int64](target *T, initial, low, high T) *checked[T] {
	*target = initial
	return &checked[T]{target: target, kind: "int",
		format: func(n T) string { return strconv.FormatInt(int64(n), 10) },
		parse: func(s string) (T, error) {
			parsed, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
			if errors.Is(err, strconv.ErrSyntax) {
				return 0, fmt.Errorf("not a whole number; give one from %d to %d", low, high)
			}
			if err != nil || parsed < int64(low) || parsed > int64(high) {
				return 0, fmt.Errorf("out of range; give a number from %d to %d", low, high)
			}
			return T(parsed), nil
		}}
}

func port(target *int, initial int) *checked[int] { return whole(target, initial, 0, 65535) }

// duration takes a duration with its unit, from shortest on.
func duration(target *time.Duration, initial, shortest time.Duration) *checked[time.Duration] {
	*target = initial
	return &checked[time.Duration]{target: target, kind: "duration", format: time.Duration.String,
		parse: func(s string) (time.Duration, error) {
			parsed, err := time.ParseDuration(strings.TrimSpace(s))
			if err != nil {
				return 0, errors.New("not a duration; give a number with its unit, such as 500ms, 30s or 2m")
			}
			if parsed < shortest || parsed > longest {
				return 0, fmt.Errorf("out of range; give a duration from %s to %s", shortest, longest)
			}
			return parsed, nil
		}}
}

// unit takes the name of the unit that random delays count in.
func unit(target *time.Duration) *checked[time.Duration] {
	*target = time.Second
	return &checked[time.Duration]{target: target, kind: "string",
		format: func(d time.Duration) string {
			if d == time.Millisecond {
				return "ms"
			}
			return "s"
		},
		parse: func(s string) (time.Duration, error) {
			switch strings.TrimSpace(s) {
			case "s":
				return time.Second, nil
			case "ms":
				return time.Millisecond, nil
			}
			return 0, errors.New("not a unit of the random delay; give s or ms")
		}}
}

// invokeMode takes the name of a Lambda invoke mode, in the upper case of AWS too.
func invokeMode(target *string) *checked[string] {
	return parsedText(target, LambdaBuffered, func(s string) (string, error) {
		switch mode := strings.ToLower(strings.TrimSpace(s)); mode {
		case LambdaBuffered, LambdaResponseStream:
			return mode, nil
		}
		return "", errors.New("not an invoke mode; give " + LambdaBuffered + " or " + LambdaResponseStream)
	})
}

// list is a [pflag.SliceValue] of texts: separated by commas, quoted as in CSV where a text itself holds a comma.
// White space around a text is dropped, and so is an empty text.
type list struct{ target *[]string }

func (l *list) Set(text string) error {
	items, err := split(text)
	if err != nil {
		return err
	}
	return l.Replace(items)
}

func (l *list) Append(text string) error {
	items, err := split(text)
	if err != nil {
		return err
	}
	return l.Replace(slices.Concat(*l.target, items))
}

func (l *list) Replace(items []string) error {
	kept := make([]string, 0, len(items))
	for _, item := range items {
		if item = strings.TrimSpace(item); item != "" {
			kept = append(kept, item)
		}
	}
	*l.target = kept
	return nil
}

func (l *list) GetSlice() []string { return slices.Clone(*l.target) }
func (l *list) String() string     { return strings.Join(*l.target, ",") }
func (l *list) Type() string       { return "strings" }

func split(text string) ([]string, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true
	var items []string
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return nil, errors.New("a stray quote; separate by commas and put quotes around all of an entry or none of it")
		}
		items = append(items, record...)
	}
}
