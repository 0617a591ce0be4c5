package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"strconv"
	"syscall"
	"unicode/utf8"

	"github.com/hashicorp/yamux"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// outcome is how a call ended in the plugin. Zero is well.
type outcome uint8

const (
	refused outcome = iota + 1 // by the author's code
	invalid                    // the plugin cannot read the argument
	broken                     // the plugin cannot answer: the answer cannot be carried, or its author's code panicked
	ended                      // at the deadline
)

// failure is an outcome with its reason, on its way to the host.
type failure struct {
	outcome outcome
	text    string
}

// fail returns the failure of a call whose answer is err.
func fail(o outcome, err error) *failure { return &failure{o, printable(err.Error())} }

// error is what a host makes of a failure. The text is the plugin's, so that nothing about it can be relied on.
func (f *failure) error() error {
	kind := contract.ErrAnswer
	switch f.outcome {
	case refused:
		kind = contract.ErrRefused
	case invalid:
		kind = contract.ErrInvalid
	case ended:
		return context.DeadlineExceeded
	}
	if f.text == "" {
		return fmt.Errorf("%w: the plugin gives no reason", kind)
	}
	return fmt.Errorf("%w: %s", kind, printable(f.text))
}

// unusable is the error of an answer that the host cannot use.
func unusable(err error) error { return fmt.Errorf("%w: %w", contract.ErrAnswer, err) }

// lostError is the error of a call that ended with the connection.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }

func (e *lostError) Unwrap() error { return e.err }

// Lost reports whether err says that the plugin's process or the connection to it is gone, so that only another
// instance of the plugin can answer. It is false for errors of the kinds of package contract and for those of a
// context.
func Lost(err error) bool {
	if _, ok := errors.AsType[*lostError](err); ok {
		return true
	}
	for _, gone := range []error{
		rpc.ErrShutdown, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET,
		yamux.ErrSessionShutdown, yamux.ErrStreamClosed, yamux.ErrConnectionReset, yamux.ErrKeepAliveTimeout,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return status.Code(err) == codes.Unavailable
}

// maxText bounds a text of a plugin in bytes.
const maxText = 1 << 10

// printable returns text as it can be shown: what does not print is escaped as Go does it, and what comes after maxText
// bytes is left out.
func printable(text string) string {
	b := make([]byte, 0, min(len(text), maxText))
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		mark := len(b)
		switch {
		case r == utf8.RuneError && n == 1:
			b = fmt.Appendf(b, `\x%02x`, text[0])
		case strconv.IsPrint(r):
			b = append(b, text[:n]...)
		default:
			quoted := strconv.QuoteRune(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		if len(b) > maxText {
			return string(b[:mark]) + "…"
		}
		text = text[n:]
	}
	return string(b)
}
