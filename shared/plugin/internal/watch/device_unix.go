//go:build unix

package watch

import (
	"io/fs"
	"syscall"
)

// device returns the number of the file system that a file is on.
func device(info fs.FileInfo) any {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Dev
	}
	return nil
}
