//go:build unix

package host

import "golang.org/x/sys/unix"

// writable tells why files of a directory cannot be deleted, as far as that can be known without trying.
func writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
