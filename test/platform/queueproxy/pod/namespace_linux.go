package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own. Linux keeps networks apart by thread
// (https://man7.org/linux/man-pages/man7/network_namespaces.7.html), so whoever wants to open a socket in it, or to
// start a process in it, must do so on its one thread. The sockets can then be used from everywhere.
type namespace struct{ work chan func() }

// newNamespace makes a network with a loopback interface that is up.
func newNamespace() (*namespace, error) {
	n := &namespace{work: make(chan func())}
	ready := make(chan error)
	go n.live(ready)
	return n, <-ready
}

// live is the thread, until the process ends.
func (n *namespace) live(ready chan<- error) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		ready <- fmt.Errorf("making a network namespace: %w", err)
		return
	}
	ready <- loopbackUp()
	for work := range n.work {
		work()
	}
}

// do runs work on the thread and waits for it.
func (n *namespace) do(work func()) {
	done := make(chan struct{})
	n.work <- func() {
		defer close(done)
		work()
	}
	<-done
}

// loopbackUp is what `ip link set lo up` does (https://man7.org/linux/man-pages/man7/netdevice.7.html).
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return fmt.Errorf("opening a socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("naming the loopback interface: %w", err)
	}
	request.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bringing the loopback interface up: %w", err)
	}
	return nil
}
