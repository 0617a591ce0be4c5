//go:build unix

package plugin

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

// watchLife calls end when the host is gone: when the file descriptor of this number comes to its end. Nobody but the
// host holds the other end of that pipe, so that this happens however the host died. Without a number the host does not
// offer this.
func watchLife(number string, end func()) error {
	if number == "" {
		return nil
	}
	fd, err := strconv.Atoi(number)
	if err != nil || fd <= int(os.Stderr.Fd()) {
		return fmt.Errorf("%s=%q is no file descriptor of a pipe", wire.LifeFD, number)
	}
	// A program that the plugin starts must neither inherit the pipe nor be told of it.
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("%s=%q is not open: %w", wire.LifeFD, number, err)
	}
	if err := os.Unsetenv(wire.LifeFD); err != nil {
		return err
	}
	pipe := os.NewFile(uintptr(fd), "life")
	go func() {
		_, _ = io.Copy(io.Discard, pipe)
		end()
	}()
	return nil
}
