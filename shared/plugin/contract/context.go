package contract

import "context"

// pluginKey is the key of a plugin's name in a context.
type pluginKey struct{}

// WithPlugin returns a context that tells a [Caller] who calls it: the name of a plugin's file.
func WithPlugin(ctx context.Context, file string) context.Context {
	return context.WithValue(ctx, pluginKey{}, file)
}

// PluginFrom returns the name that WithPlugin put into ctx or a parent of it, or "".
func PluginFrom(ctx context.Context) string {
	file, _ := ctx.Value(pluginKey{}).(string)
	return file
}
