package host

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestInstanceCountsItsCalls(t *testing.T) {
	t.Parallel()
	i := newInstance(&fakeProcess{exited: make(chan struct{})}, nil)
	for range 2 {
		if !i.enter() {
			t.Fatal("a new instance takes no calls")
		}
	}
	i.close()
	if i.enter() {
		t.Error("a closed instance takes a call")
	}
	i.leave()
	if isClosed(i.empty) {
		t.Error("it is empty though a call is in it")
	}
	i.leave()
	if !isClosed(i.empty) {
		t.Error("it is not empty though no call is in it")
	}
	if i.enter() {
		t.Error("an empty instance takes a call")
	}
}

func TestInstanceClosesUnderCalls(t *testing.T) {
	t.Parallel()
	for range 200 {
		i := newInstance(&fakeProcess{exited: make(chan struct{})}, nil)
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for i.enter() {
					i.leave()
				}
			})
		}
		i.close()
		callers.Wait()
		if !isClosed(i.empty) {
			t.Fatal("it is not empty though all calls have left")
		}
	}
}

func TestDrainEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		end   func(i *instance, hurry chan struct{})
		after time.Duration
	}{
		{"when the calls have left", func(i *instance, _ chan struct{}) { i.leave() }, 0},
		{"when the process is gone", func(i *instance, _ chan struct{}) { i.process.(*fakeProcess).die("") }, 0},
		{"when there is no time left", func(_ *instance, hurry chan struct{}) { close(hurry) }, 0},
		{"when patience is over", func(*instance, chan struct{}) {}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i, hurry, began := newInstance(&fakeProcess{exited: make(chan struct{})}, nil), make(chan struct{}), time.Now()
				i.enter()
				i.close()
				c.end(i, hurry)
				i.drain(time.Minute, time.Second, hurry)
				if took := time.Since(began); took != c.after {
					t.Errorf("it took %s, want %s", took, c.after)
				}
			})
		})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
