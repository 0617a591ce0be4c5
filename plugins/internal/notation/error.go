package notation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxShown is how many bytes of a client's text an error repeats, and maxSteps how many steps to its place.
const (
	maxShown = 40
	maxSteps = 8
)

// located is an error at a place within a value.
type located struct {
	steps []string // from the inside to the outside
	err   error
}

// At returns err with the step from a container to the value that has the fault: an index (int) or a key (string). What
// an enclosing container adds goes before it, so that the error begins with a JSONPath (RFC 9535 §2.7): $["a"][3].
func At(step any, err error) error {
	text := fmt.Sprintf("[%v]", step)
	if key, ok := step.(string); ok {
		text = "[" + strconv.Quote(shortened(key)) + "]"
	}
	inner, ok := errors.AsType[*located](err)
	if !ok {
		return &located{[]string{text}, err}
	}
	inner.steps = append(inner.steps, text)
	return inner
}

func (l *located) Error() string {
	var b strings.Builder
	b.WriteByte('$')
	for i := range l.steps {
		if i == maxSteps {
			b.WriteString("…")
			break
		}
		b.WriteString(l.steps[len(l.steps)-1-i])
	}
	return fmt.Sprintf("%s: %v", &b, l.err)
}

func (l *located) Unwrap() error { return l.err }

// Show writes a value for an error: what it is, and its beginning when it is short enough to tell something.
func Show(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(shortened(v))
	case bool, int64, uint64:
		return fmt.Sprint(v)
	case float64:
		return showFloat(v)
	case []byte:
		return fmt.Sprintf("a value of %d bytes", len(v))
	case []any:
		return fmt.Sprintf("an array of %d", len(v))
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("a value of the Go type %T", v)
}

// showFloat writes 17.0 for what a whole number would look like too.
func showFloat(f float64) string {
	text := fmt.Sprint(f)
	if strings.ContainsAny(text, ".eIN") { // a fraction, an exponent, Inf or NaN
		return text
	}
	return text + ".0"
}

func shortened(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}
