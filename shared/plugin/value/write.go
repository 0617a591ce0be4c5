package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// maxExact is the number up to which a float64 holds every whole number.
const maxExact = 1 << 53

// ToJSON returns v as JSON, the members of objects in the order of their names. Bytes become a string in base64 (RFC
// 4648 §4), wherever they are in v. A float64 has a fraction or an exponent, so that FromJSON makes a float64 of it
// again. What JSON cannot hold is a contract.ErrAnswer: NaN, infinities, text that is not UTF-8, and Go types that
// encoding/json refuses.
func ToJSON(v any) ([]byte, error) {
	w := &writer{}
	w.encoder = json.NewEncoder(&w.out)
	w.encoder.SetEscapeHTML(false) // Every answer with it says that it is JSON, and no page.
	if f := w.value(v, 0); f != nil {
		return nil, f
	}
	return w.out.Bytes(), nil
}

// writer writes arrays and objects, and leaves the rest to encoding/json, which by itself would write bytes and arrays
// that are nil as null, change text that is not UTF-8, and not say where a number is that it cannot write.
type writer struct {
	out     bytes.Buffer
	encoder *json.Encoder
}

func (w *writer) value(v any, depth int) *fault {
	switch t := v.(type) {
	case []byte:
		if t == nil {
			v = ""
		}
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return unusable(fmt.Sprintf("JSON cannot hold the number %v", t), nil)
		}
		if t == math.Trunc(t) {
			w.wholeFloat(t)
			return nil
		}
	case string:
		if !utf8.ValidString(t) {
			return unusable("JSON cannot hold text that is not UTF-8", nil)
		}
	case []any:
		return w.array(t, depth+1)
	case map[string]any:
		return w.object(t, depth+1)
	}
	return w.leaf(v)
}

// wholeFloat writes a float64 without a fraction, which encoding/json would write as an integer.
func (w *writer) wholeFloat(f float64) {
	format, fraction := byte('f'), 1
	if math.Abs(f) > maxExact {
		format, fraction = 'e', -1 // Its last zeros would be taken for digits, which they are not.
	}
	w.out.Write(strconv.AppendFloat(w.out.AvailableBuffer(), f, format, fraction, 64))
}

func (w *writer) leaf(v any) *fault {
	if err := w.encoder.Encode(v); err != nil {
		return unusable("JSON cannot hold it", err)
	}
	w.out.Truncate(w.out.Len() - 1) // the newline that the encoder ends with
	return nil
}

func (w *writer) array(list []any, depth int) *fault {
	if depth > maxDepth {
		return tooDeep()
	}
	w.out.WriteByte('[')
	for i, element := range list {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if f := w.value(element, depth); f != nil {
			return f.inElement(i)
		}
	}
	w.out.WriteByte(']')
	return nil
}

func (w *writer) object(members map[string]any, depth int) *fault {
	if depth > maxDepth {
		return tooDeep()
	}
	w.out.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if !utf8.ValidString(name) {
			return unusable("JSON cannot hold a name that is not UTF-8", nil).inMember(name)
		}
		if f := w.leaf(name); f != nil {
			return f.inMember(name)
		}
		w.out.WriteByte(':')
		if f := w.value(members[name], depth); f != nil {
			return f.inMember(name)
		}
	}
	w.out.WriteByte('}')
	return nil
}

func unusable(text string, cause error) *fault {
	return &fault{kind: contract.ErrAnswer, text: text, cause: cause}
}

func tooDeep() *fault {
	return unusable(fmt.Sprintf("it is nested deeper than %d levels", maxDepth), nil)
}
