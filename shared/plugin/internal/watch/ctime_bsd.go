//go:build darwin || freebsd || netbsd

package watch

import (
	"io/fs"
	"syscall"
	"time"
)

// ctime returns when something about a file was changed last: its content, its names, its owner or its mode.
func ctime(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctimespec.Unix())
	}
	return time.Time{}
}
