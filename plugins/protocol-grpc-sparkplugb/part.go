package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// part reads the members of an object. The first thing that is wrong with one is kept as its error.
type part struct {
	members map[string]any
	depth   int
	err     error
}

// open begins to read v, which has to be an object with none but the known members. what says what it is to be.
func open(v any, depth int, what string, known ...string) *part {
	members, ok := v.(map[string]any)
	if !ok {
		list := strings.Join(known, ", ")
		return &part{err: fmt.Errorf("%s is no object; %s is one, with %s", notation.Show(v), what, list)}
	}
	if depth > notation.MaxDepth {
		return &part{err: notation.ErrTooDeep}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return &part{err: fmt.Errorf("%s has no %s; it can have %s", what, notation.Show(name), strings.Join(known, ", "))}
		}
	}
	return &part{members: members, depth: depth}
}

// has tells whether the member is there and not null.
func (p *part) has(name string) bool { return p.members[name] != nil }

// read hands the member called name to as, unless it is not there or null, or something was wrong before.
func read[T any](p *part, name string, as func(any) (T, error)) (value T) {
	if p.err != nil || !p.has(name) {
		return value
	}
	value, err := as(p.members[name])
	if err != nil {
		p.err = notation.At(name, err)
	}
	return value
}

// optional is read for a field of a message, which is nil when it is not there.
func optional[T any](p *part, name string, as func(any) (T, error)) *T {
	value := read(p, name, as)
	if p.err != nil || !p.has(name) {
		return nil
	}
	return &value
}

// each returns a function that reads a list, each element by as.
func each[T any](as func(any) (T, error)) func(any) ([]T, error) {
	return func(v any) ([]T, error) {
		list, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("%s is no list", notation.Show(v))
		}
		result := make([]T, len(list))
		for i, element := range list {
			var err error
			if result[i], err = as(element); err != nil {
				return nil, notation.At(i, err)
			}
		}
		return result, nil
	}
}

func toText(v any) (string, error) {
	text, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s is no text", notation.Show(v))
	}
	if !utf8.ValidString(text) {
		return "", errors.New("this text is not UTF-8")
	}
	return text, nil
}

func toBool(v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("%s is neither true nor false", notation.Show(v))
	}
	return b, nil
}

// toUnsigned reads a whole number that is not negative.
func toUnsigned(v any) (uint64, error) {
	switch n := notation.Whole(v).(type) {
	case uint64:
		return n, nil
	case int64:
		if n >= 0 {
			return uint64(n), nil
		}
	}
	return 0, fmt.Errorf("%s is no whole number from 0 to 18446744073709551615", notation.Show(v))
}
