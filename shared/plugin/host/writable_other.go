//go:build !unix

package host

// writable knows nothing here: the try will tell.
func writable(string) error { return nil }
