// Package faults makes this process misbehave on purpose, so that what stands around it, retries, timeouts, alerts and
// autoscalers, can be seen at work.
//
// There are three kinds. The Injector decides about a single request: whether it waits, for how long, and whether it
// fails at random. It also holds the switch that makes every request fail until it is turned back. StartStress loads
// the whole process: it keeps CPUs busy and holds memory. Which requests are spared, probes and the switch itself first
// of all, is for the caller to say.
package faults

import (
	"math"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// Options says which random faults an Injector makes. The zero value makes none.
type Options struct {
	// RandomDelay makes requests wait for a random time from DelayMin to DelayMax, both included, that is DelayMin
	// plus a whole number of DelayUnits. Without a unit it is any time in between. When DelayMax is below DelayMin,
	// every wait is DelayMin.
	RandomDelay        bool
	DelayMin, DelayMax time.Duration
	DelayUnit          time.Duration

	// RandomError makes one request in three fail.
	RandomError bool
}

// Injector decides which requests meet a fault. Its methods may be called from any goroutine, take no lock and
// allocate nothing.
type Injector struct {
	enabled atomic.Bool

	delays    bool
	delayMin  time.Duration
	delayUnit time.Duration
	steps     int64 // how many delays there are to choose from
	errors    bool
}

// New returns an Injector whose switch is off.
func New(o Options) *Injector {
	least, unit := max(o.DelayMin, 0), max(o.DelayUnit, 1)
	span := max(o.DelayMax-least, 0)
	return &Injector{
		delays:    o.RandomDelay,
		delayMin:  least,
		delayUnit: unit,
		steps:     min(int64(span/unit), math.MaxInt64-1) + 1,
		errors:    o.RandomError,
	}
}

// Enabled reports whether the switch is on, and so whether every request is to fail.
func (i *Injector) Enabled() bool { return i.enabled.Load() }

// SetEnabled turns the switch.
func (i *Injector) SetEnabled(enabled bool) { i.enabled.Store(enabled) }

// Random reports whether any random fault is configured. A request asks this first, since mostly none is.
func (i *Injector) Random() bool { return i.delays || i.errors }

// Delay returns how long a request waits before it is handled, each possible delay being as likely as the others.
func (i *Injector) Delay() time.Duration {
	if !i.delays {
		return 0
	}
	step := rand.Int64N(i.steps) //nolint:gosec // Chance is wanted here, not secrecy.
	return i.delayMin + time.Duration(step)*i.delayUnit
}

// Status returns the HTTP status with which a request fails: 500, 400 or 409, each for one request in nine. It returns
// 0 when the request does not fail.
func (i *Injector) Status() int {
	if !i.errors {
		return 0
	}
	switch rand.IntN(9) { //nolint:gosec // As in Delay.
	case 0:
		return http.StatusInternalServerError
	case 1:
		return http.StatusBadRequest
	case 2:
		return http.StatusConflict
	default:
		return 0
	}
}
