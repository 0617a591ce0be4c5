//go:build !(linux || dragonfly || openbsd || solaris || darwin || freebsd || netbsd)

package watch

import (
	"io/fs"
	"time"
)

// ctime tells nothing here, so that a file that is put back just as it was looks as if it had always been there.
func ctime(fs.FileInfo) time.Time { return time.Time{} }
