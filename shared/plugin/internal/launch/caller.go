package launch

import (
	"context"
	"strings"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// limitedCaller is the host as one process may call it: what it has the host log counts as a line that it wrote.
type limitedCaller struct {
	contract.Caller
	output *output
}

// limitCaller returns c for the process of that output, or nil when there is nothing to call.
func limitCaller(c contract.Caller, o *output) contract.Caller {
	if c == nil {
		return nil
	}
	return limitedCaller{c, o}
}

// Log writes a line, or drops it as one too many.
func (c limitedCaller) Log(ctx context.Context, level, message string) error {
	if !c.output.admit() {
		return nil
	}
	if len(message) > longestLine {
		message = message[:longestLine] + "…"
	}
	return c.Caller.Log(ctx, level, strings.ToValidUTF8(message, "\uFFFD"))
}
