//go:build !unix

package plugin

// watchLife does nothing: hosts pass pipes to their plugins on Unix only.
func watchLife(string, func()) error { return nil }
