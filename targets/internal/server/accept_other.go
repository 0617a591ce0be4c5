//go:build !linux

package server

import "net"

// refuseNew can do nothing here: who connects in the moment in which the listener closes may be reset.
func refuseNew(net.Listener) {}

// queued cannot tell here. The queue is accepted all the same while the server settles.
func queued(net.Listener) bool { return false }
