package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	writersPause   = time.Millisecond // between two looks
	writersTimeout = 10 * time.Second // a start takes a millisecond
)

// awaitWriters waits until nobody has the file open for writing. We closed it, but each process that is being started
// has, until it becomes another program, a copy of every file that we had open, and Linux refuses to run a file that
// anybody can write to (ETXTBSY, see https://go.dev/issue/22315). To wait for the starts themselves with
// syscall.ForkLock is not enough: they give that back before the kernel closes the files.
func awaitWriters(ctx context.Context, root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	ctx, cancel := context.WithTimeoutCause(ctx, writersTimeout,
		fmt.Errorf("after %s another process still has the copy open for writing", writersTimeout))
	defer cancel()
	again := time.NewTicker(writersPause)
	defer again.Stop()
	for hasWriters(f) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
		}
	}
	return nil
}

// hasWriters tells whether anybody has the file open for writing: then there is no lease to read it (fcntl(2)). It
// tells no where the file system has no leases. We own the file, so that no right is needed.
func hasWriters(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}
