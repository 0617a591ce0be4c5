package config

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/podinfo-targets/podinfo/shared/env"
	"github.com/podinfo-targets/podinfo/shared/version"
)

// errVersion is what --version makes of [Load].
var errVersion = errors.New("the version was asked for")

// helpRequest is what --help makes of [Load].
type helpRequest struct{ usage string }

func (*helpRequest) Error() string { return "help was asked for" }

// usageError is a mistake on the command line, whose author is helped by the list of flags.
type usageError struct {
	cause error
	usage string
}

func (e *usageError) Error() string { return e.cause.Error() }
func (e *usageError) Unwrap() error { return e.cause }

// settingError is a value that a source gave and its setting refused.
type settingError struct {
	source string // flag --x, environment PODINFO_X, file <path> key x
	text   string // the value; "" is not shown
	cause  error  // what is wrong with it, and the fix
}

func (e *settingError) Error() string {
	if e.text == "" {
		return fmt.Sprintf("%s: %v", e.source, e.cause)
	}
	return fmt.Sprintf("%s %s: %v", e.source, strconv.Quote(shorten(env.Redact(e.text))), e.cause)
}

func (e *settingError) Unwrap() error { return e.cause }

// Report says to the user what [Load] returned, and returns the exit code: the version on stdout and 0, the usage on
// stderr and 0, or one line that begins with Error on stderr and 2. A mistake on the command line is followed by the
// flags.
func Report(stdout, stderr io.Writer, err error) int {
	var help *helpRequest
	var usage *usageError
	switch {
	case errors.Is(err, errVersion):
		fmt.Fprintln(stdout, version.Version)
		return 0
	case errors.As(err, &help):
		fmt.Fprint(stderr, help.usage)
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "Error: %v\n\n%s", usage, usage.usage)
	default:
		fmt.Fprintf(stderr, "Error: %v\n", err)
	}
	return 2
}

// Usage writes what --help shows for target: every flag with its type, help and default, and what has no flag. It is
// made from the table of settings, so documents can be made from it.
func Usage(w io.Writer, target Target) error {
	s, err := newSettings(target)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, s.usage(s.flags()))
	return err
}

// columns is the width that the usage is wrapped to.
const columns = 120

func (s *settings) usage(set *pflag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [flags]\n\n", s.target.Name)
	b.WriteString("Flags win over environment variables (PODINFO_UI_COLOR is --ui-color), these over the keys of the\n" +
		"config file (ui-color), and these over the defaults. Of a flag given twice the last one counts, lists grow.\n" +
		"Arguments that are no flags are ignored.\n\nFlags:\n")
	b.WriteString(set.FlagUsagesWrapped(columns))
	for _, row := range s.from(fromEnvironment) {
		if row.not&fromArgs != 0 {
			fmt.Fprintf(&b, "\nWithout a flag, in %s or the key %s of the config file:\n  %s\n",
				row.variable(), row.name, row.usage)
		}
	}
	return b.String()
}

// shorten cuts a value that is too long for a line.
func shorten(text string) string {
	const most = 80
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "..."
}

// oneLine makes text from outside fit into a line of an error: no control characters, and no secrets.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, env.Redact(text))
}
