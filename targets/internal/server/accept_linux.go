package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// refuseNew makes the kernel ignore who wants to open a connection to l, while connections that are open or about to
// be go on to be accepted. Their clients try again in a second, and find the port closed.
//
// It attaches a socket filter (https://docs.kernel.org/networking/filter.html), which sees every segment to the
// listening socket from its TCP header on. Where filters are not to be had, only the queue's own emptiness is left to
// go by.
func refuseNew(l net.Listener) {
	const (
		flags   = 13   // offset of the flags in the TCP header (RFC 9293 §3.1)
		syn     = 0x02 // opens a connection
		ack     = 0x10 // together with syn: answers such an opening
		nothing = 0
		all     = 0xffffffff
	)
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: nothing},
		{Code: unix.BPF_RET | unix.BPF_K, K: all},
	}
	control(l, func(fd uintptr) {
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}) //nolint:gosec // five fit
	})
}

// queued tells whether a connection waits to be accepted: a listening socket is readable then.
func queued(l net.Listener) (waiting bool) {
	control(l, func(fd uintptr) {
		socket := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} //nolint:gosec // the type that the kernel has for it
		ready, err := unix.Poll([]unix.PollFd{socket}, 0)
		waiting = err == nil && ready > 0
	})
	return waiting
}

// control lets f work on the listener's socket.
func control(l net.Listener, f func(fd uintptr)) {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(f)
	}
}
