package value

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// FromJSON reads one JSON text (RFC 8259). Objects become map[string]any and arrays []any. A number written without
// fraction and exponent becomes an int64, or a uint64 when it is larger than that; any other is a float64. Errors are
// contract.ErrInvalid, or contract.ErrTooLarge for more values than a plugin is to be bothered with.
func FromJSON(data []byte) (any, error) {
	if f := check(data); f != nil {
		return nil, f
	}
	r := &reader{Decoder: json.NewDecoder(bytes.NewReader(data)), left: maxValues}
	r.UseNumber()
	v, f := r.value(0)
	if f != nil {
		return nil, f
	}
	return v, nil
}

// EncodedFromJSON reads what a plugin is to decode. It is what FromJSON makes of data, but that a string is the bytes
// in base64 (RFC 4648 §4), as ToJSON writes them. Errors are those of FromJSON.
func EncodedFromJSON(data []byte) (any, error) {
	v, err := FromJSON(data)
	if err != nil {
		return nil, err
	}
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, invalid("a JSON string to decode has to be the bytes in base64 with padding (RFC 4648 section 4)", err)
	}
	return decoded, nil
}

// check says what is wrong with data as a whole: the decoder of tokens would not mind all of it.
func check(data []byte) *fault {
	if len(bytes.TrimSpace(data)) == 0 {
		return invalid("there is no JSON; send null for no value", nil)
	}
	if !utf8.Valid(data) {
		return invalid("the JSON is not UTF-8", nil)
	}
	var ignored json.RawMessage
	err := json.Unmarshal(data, &ignored)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalid(fmt.Sprintf("this is not one JSON text, see byte %d", syntax.Offset), err)
	}
	return notJSON(err)
}

func invalid(text string, cause error) *fault {
	return &fault{kind: contract.ErrInvalid, text: text, cause: cause}
}

// notJSON is the fault of a decoder's error, or nil when there is none.
func notJSON(err error) *fault {
	if err == nil {
		return nil
	}
	return invalid("this is not JSON", err)
}

// reader builds a value from the tokens of a JSON text that is known to be valid. encoding/json by itself takes the
// last of two members that have one name, and every number for a float64.
type reader struct {
	*json.Decoder
	left int // values that may still come
}

func (r *reader) value(depth int) (any, *fault) {
	if r.left == 0 {
		return nil, &fault{kind: contract.ErrTooLarge, text: fmt.Sprintf("the JSON holds more than %d values", maxValues)}
	}
	r.left--
	token, err := r.Token()
	if err != nil {
		return nil, notJSON(err)
	}
	switch t := token.(type) {
	case json.Delim:
		return r.container(t, depth+1)
	case json.Number:
		return number(string(t))
	default:
		return t, nil // nil, a bool or a string
	}
}

// container reads the rest of an array or object, after the bracket that opened it.
func (r *reader) container(open json.Delim, depth int) (v any, f *fault) {
	if depth > maxDepth {
		return nil, invalid(fmt.Sprintf("the JSON is nested deeper than %d levels", maxDepth), nil)
	}
	if open == '{' {
		v, f = r.object(depth)
	} else {
		v, f = r.array(depth)
	}
	if f != nil {
		return nil, f
	}
	_, err := r.Token() // the bracket that closes it
	return v, notJSON(err)
}

func (r *reader) array(depth int) (any, *fault) {
	list := []any{}
	for r.More() {
		v, f := r.value(depth)
		if f != nil {
			return nil, f.inElement(len(list))
		}
		list = append(list, v)
	}
	return list, nil
}

func (r *reader) object(depth int) (any, *fault) {
	members := map[string]any{}
	for r.More() {
		token, err := r.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		name, _ := token.(string) // as the grammar has it
		if _, twice := members[name]; twice {
			return nil, invalid("the JSON has a member twice", nil).inMember(name)
		}
		v, f := r.value(depth)
		if f != nil {
			return nil, f.inMember(name)
		}
		members[name] = v
	}
	return members, nil
}

func number(text string) (any, *fault) {
	if strings.ContainsAny(text, ".eE") || text == "-0" { // Whole numbers have no sign on their zero.
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, invalid("the number "+shortened(text)+" does not fit into a float64", nil)
		}
		return f, nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return u, nil
	}
	return nil, invalid("the whole number "+shortened(text)+" does not fit into 64 bits; "+
		"send it as a string, or with an exponent when its first digits are enough", nil)
}
