//go:build !linux

package proc

import "time"

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

func waitExit(int) {}

func resident(int) uint64 { return 0 }
