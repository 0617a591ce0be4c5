//go:build !unix

package faults

import "errors"

// allocate fails: only on Unix can memory be taken so that a lack of it is an error and not the end of the process.
func allocate(int) (memory []byte, release func(), err error) {
	return nil, nil, errors.ErrUnsupported
}
