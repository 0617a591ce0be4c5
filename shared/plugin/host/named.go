package host

import (
	"context"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// named is what one plugin may call: the lines that it logs tell whose they are.
type named struct {
	contract.Caller
	file string
}

// nameCaller returns c for the plugin of that file, or nil when there is nothing to call.
func nameCaller(c contract.Caller, file string) contract.Caller {
	if c == nil {
		return nil
	}
	return named{c, file}
}

// Log writes a line to the log of podinfo.
func (n named) Log(ctx context.Context, level, message string) error {
	return n.Caller.Log(contract.WithPlugin(ctx, n.file), level, message)
}
