//go:build unix

package faults

import "golang.org/x/sys/unix"

// allocate maps size bytes outside of the Go heap: they do not move the garbage collector's goal, which would let the
// heap grow by as much again, and release gives them back to the system at once.
func allocate(size int) (memory []byte, release func(), err error) {
	memory, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	return memory, func() { _ = unix.Munmap(memory) }, nil
}
