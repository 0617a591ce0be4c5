//go:build !unix

package stage

import (
	"errors"
	"os"
)

// errLocked says that another process holds the lock.
var errLocked = errors.New("is locked by another process")

// tryLock fails: a lock that ends with its process is to be had on Unix.
func tryLock(*os.File) error { return errors.ErrUnsupported }
