// Package codectest is what the tests of all codecs share.
package codectest

import (
	"encoding/hex"
	"strings"
	"testing"
)

// Unhex returns the bytes that a vector's text stands for. It panics when the text is not hexadecimal: vectors are
// part of the tests, and stand in tables that no test has begun yet.
func Unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

// Refused tells of an error that is not there, or has not the words of want.
func Refused(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}
