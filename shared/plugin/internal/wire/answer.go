package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// method is Encode or Decode of an author's Protocol.
type method func(ctx context.Context, value any) (any, error)

// answer is a call in the plugin: it reads the argument, calls the author's code and writes what it returns. What goes
// wrong, a panic too, is the failure of this call alone.
func answer(ctx context.Context, do method, argument carrier) (result carrier, failed *failure) {
	value, err := argument.unpack()
	if err != nil {
		return carrier{}, fail(invalid, fmt.Errorf("the plugin cannot read it: %w", err))
	}
	failed = guard(ctx, func() error {
		value, err = do(ctx, value)
		return err
	})
	if failed != nil {
		return carrier{}, failed
	}
	result, err = pack(value, MaxMessage)
	if err != nil {
		return carrier{}, fail(broken, fmt.Errorf("the plugin cannot return it: %w", err))
	}
	return result, nil
}

// introduce is the call of Info in the plugin.
func introduce(ctx context.Context, p contract.Protocol) (info contract.Info, failed *failure) {
	failed = guard(ctx, func() (err error) {
		info, err = p.Info(ctx)
		return err
	})
	return info, failed
}

// guard runs the author's code, and tells how it failed.
func guard(ctx context.Context, do func() error) (failed *failure) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprint(os.Stderr, report(p, debug.Stack())) // for the host's log
			failed = fail(broken, fmt.Errorf("the plugin panicked: %v", p))
		}
	}()
	err := do()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return fail(ended, err)
	default:
		return fail(refused, err)
	}
}

// report tells of a panic that ended one call. It marks each line as an error's: what a process prints that dies of a
// panic has no marks, and the host takes all that follows for the last words.
func report(panicked any, stack []byte) string {
	const mark = "[ERROR] "
	text := fmt.Sprintf("panic: %v\n%s", panicked, bytes.TrimSpace(stack))
	return mark + strings.ReplaceAll(text, "\n", "\n"+mark) + "\n"
}
