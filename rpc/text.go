package rpc

import "strings"

// text returns s with U+FFFD in place of what is not UTF-8. A protobuf string has to be UTF-8, or the whole answer
// fails to encode, and the environment and metadata come from others.
func text(s string) string {
	return strings.ToValidUTF8(s, "\uFFFD")
}
