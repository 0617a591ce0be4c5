//go:build !linux

package proc

import (
	"os/exec"
	"time"
)

// What only Linux has, or has in a form that is worth the code.

type leash struct{}

func newLeash(string, Limits) leash { return leash{} }

func (*leash) loosen() bool { return false }

func (leash) constrain(int, Limits) {}

func (leash) watch(int, <-chan struct{}) {}

func (leash) sweep(time.Time) error { return nil }

// Delegated returns nothing: there are no control groups.
func Delegated() string { return "" }

func prepareThread() {}

// finish waits for the end of the process, and ends what stayed in its group. The number of a group is nobody else's
// while any of it is left, and hardly ever right after.
func finish(cmd *exec.Cmd) {
	_ = cmd.Wait() // says no more than the state does
	killGroup(cmd.Process.Pid)
}

func resident(int) uint64 { return 0 }
