package value

import (
	"bytes"
	"encoding/json"
)

// maxIndented bounds a value with its indentation, in bytes. That takes two bytes for every level at which an element
// lies, so that a few megabytes could become gigabytes at the will of who sends them.
const maxIndented = 32 << 20

// ToIndentedJSON is ToJSON for people: indented by two spaces, unless that made it larger than 32 MiB.
func ToIndentedJSON(v any) ([]byte, error) {
	compact, err := ToJSON(v)
	if err != nil || indentedSize(compact) > maxIndented {
		return compact, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		return nil, unusable("JSON cannot hold it", err)
	}
	return indented.Bytes(), nil
}

// indentedSize returns how many bytes an indentation by two spaces makes of compact JSON, at most.
func indentedSize(compact []byte) int {
	size, depth, inString := len(compact), 0, false
	for i := 0; i < len(compact); i++ {
		switch c := compact[i]; {
		case inString && c == '\\':
			i++ // What follows ends no string.
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			depth++
			size += 1 + 2*depth
		case c == '}', c == ']':
			depth--
			size += 1 + 2*depth
		case c == ',':
			size += 1 + 2*depth
		case c == ':':
			size++
		}
	}
	return size
}
