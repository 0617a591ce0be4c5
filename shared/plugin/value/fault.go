package value

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxShown is how many bytes of a client's text an error repeats.
const maxShown = 40

// fault is what is wrong with a value. It learns where that is on its way out, so that a value without a fault pays
// nothing for it.
type fault struct {
	kind  error
	text  string
	cause error    // or nil
	steps []string // from the inside to the outside
}

func (f *fault) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s", f.kind, f.text)
	if f.cause != nil {
		fmt.Fprintf(&b, ": %v", f.cause)
	}
	if len(f.steps) > 0 {
		fmt.Fprintf(&b, " (at %s)", f.path())
	}
	return b.String()
}

func (f *fault) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

// inElement says that the fault is in the element i of an array.
func (f *fault) inElement(i int) *fault {
	f.steps = append(f.steps, "["+strconv.Itoa(i)+"]")
	return f
}

// inMember says that the fault is in the member name of an object.
func (f *fault) inMember(name string) *fault {
	f.steps = append(f.steps, "["+strconv.Quote(shortened(name))+"]")
	return f
}

// path is where the fault is, as a JSONPath, $["a"][3] (RFC 9535 §2.7), without the middle of a long way.
func (f *fault) path() string {
	const ends = 4
	steps := slices.Clone(f.steps)
	slices.Reverse(steps)
	if len(steps) > 2*ends {
		steps = slices.Concat(steps[:ends], []string{"…"}, steps[len(steps)-ends:])
	}
	return "$" + strings.Join(steps, "")
}

// shortened returns s, or its beginning when it is long.
func shortened(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}
