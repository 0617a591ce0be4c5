package traffic_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podinfo-targets/podinfo/shared/traffic"
)

func TestCounter(t *testing.T) {
	t.Parallel()
	var c traffic.Counter
	busy := c.Watch(c.InFlight)
	if busy() {
		t.Error("busy before the first request")
	}
	c.Begin()
	if c.InFlight() != 1 || !busy() || !busy() {
		t.Errorf("%d requests in flight, want one that keeps it busy", c.InFlight())
	}
	c.Begin()
	c.End()
	c.End()
	if c.InFlight() != 0 || !busy() {
		t.Errorf("%d requests in flight, want none, and the one since the last look noticed", c.InFlight())
	}
	if busy() {
		t.Error("busy though nothing came since the last look")
	}
}

// TestSettle wants a whole row of quiet looks, also after one that was not.
func TestSettle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		traffic.Settle(t.Context(), 3, func() bool {
			looks++
			return looks == 2
		})
		if looks != 5 {
			t.Errorf("%d looks, want one that is quiet, one that is not and three in a row", looks)
		}
	})
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		traffic.Await(ctx, func() bool { return false })
		if took := time.Since(begin); took != patience {
			t.Errorf("it took %s, want %s", took, patience)
		}
	})
}
