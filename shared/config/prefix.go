package config

import (
	"errors"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// notInPath are the visible ASCII characters that RFC 3986 section 3.3 does not allow as themselves in a path. Braces
// would also turn into variables of the router, and a percent sign would make two spellings of one path.
const notInPath = "\"%<>?#[]\\^`{|}"

// NormalizePrefix turns what was given as --prefix into what is put in front of a path: "" for the root, otherwise a
// clean path that starts with a slash and does not end in one. White space around it is dropped, a missing first slash
// added, and empty, . and .. segments are resolved, never above the root. A prefix that no URL's path can start with
// is an error.
func NormalizePrefix(prefix string) (string, error) {
	prefix = strings.TrimSpace(prefix)
	if !utf8.ValidString(prefix) || strings.ContainsAny(prefix, notInPath) || strings.ContainsFunc(prefix, blank) {
		return "", errors.New("not a path; use letters, digits and - . _ ~ between slashes, such as /podinfo")
	}
	clean := path.Clean("/" + prefix)
	if clean == "/" {
		return "", nil
	}
	return clean, nil
}

func blank(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
