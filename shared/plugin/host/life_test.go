package host

import (
	"context"
	"errors"
	"fmt"
	"net/rpc"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/stage"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/watch"
)

// inBubble runs a test of a life in a time of its own.
func inBubble(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		test(w)
		w.end()
	})
}

// after lets time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// states returns those that the plugin went through since the last call, as the log tells them.
func (w *world) states() []contract.State {
	var states []contract.State
	for _, e := range w.logs.AllEntries() {
		if s, ok := e.Data["state"].(contract.State); ok {
			states = append(states, s)
		}
	}
	w.logs.Reset()
	return states
}

// went fails the test unless the plugin went through these states since the last look.
func (w *world) went(want ...contract.State) {
	w.t.Helper()
	synctest.Wait()
	if got := w.states(); !slices.Equal(got, want) {
		w.t.Errorf("it went through %v, want %v", got, want)
	}
}

// up makes the plugin ready.
func (w *world) up() {
	w.t.Helper()
	w.tell(watch.Added)
	w.wants(contract.Ready)
	w.states()
}

func TestLifeFromFileToFile(t *testing.T) {
	inBubble(t, func(w *world) {
		w.tell(watch.Added)
		w.went(contract.Discovered, contract.Staged, contract.Starting, contract.Ready)
		w.change("2")
		w.went(contract.Reloading, contract.Ready)
		if s := w.wants(contract.Ready); s.SHA256 != "2" || s.Info.Version != "2" || s.Reloads != 1 || s.PID != 1001 {
			w.t.Errorf("after a reload it is %+v", s)
		}
		w.tell(watch.Removed)
		w.went(contract.Draining, contract.Stopped)
		if _, err := w.host.Get(fakeName); !errors.Is(err, contract.ErrNotFound) {
			w.t.Errorf("after the removal: %v", err)
		}
		w.tell(watch.Added)
		w.went(contract.Discovered, contract.Staged, contract.Starting, contract.Ready)
	})
}

func TestUnchangedFileIsReloadedOnRequestOnly(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.change("1")
		w.went()
		if w.started() != 1 {
			w.t.Error("a process was started for the same content")
		}
		if s, err := w.host.Reload(w.t.Context(), fakeName); err != nil || s.PID != 1001 || s.Reloads != 1 {
			w.t.Errorf("the reload: %+v, %v", s, err)
		}
		w.went(contract.Reloading, contract.Ready)
	})
}

func TestFailedReloadIsToldUntilTheFileIsGood(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(w *world)
		mend  func(w *world)
	}{
		{"unusable", func(w *world) { w.unusable = errors.New("what a mess") }, func(w *world) { w.unusable = nil }},
		{"stillborn", func(w *world) { w.stillborn = errors.New("what a mess") }, func(w *world) { w.stillborn = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				w.set(func() { c.spoil(w) })
				w.change("2")
				if s := w.wants(contract.Ready); !strings.Contains(s.Error, "what a mess") || s.SHA256 != "1" || s.Restarts != 0 {
					w.t.Errorf("after a failed reload it is %+v", s)
				}
				if _, err := w.host.Reload(w.t.Context(), fakeName); !errors.Is(err, contract.ErrBroken) {
					w.t.Errorf("the reload says %v", err)
				}
				w.set(func() { c.mend(w) })
				w.change("1")
				if s := w.wants(contract.Ready); s.Error != "" || s.PID != 1000 {
					w.t.Errorf("after the old content is back it is %+v", s)
				}
			})
		})
	}
}

func TestOneReloadAtATime(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.slow = time.Second })
		var reload sync.WaitGroup
		reload.Go(func() {
			if _, err := w.host.Reload(w.t.Context(), fakeName); err != nil {
				w.t.Errorf("the first reload: %v", err)
			}
		})
		w.wants(contract.Reloading)
		if _, err := w.host.Reload(w.t.Context(), fakeName); !errors.Is(err, contract.ErrReloading) {
			w.t.Errorf("the second reload: %v", err)
		}
		if s, err := w.host.Start(w.t.Context(), fakeName); err != nil || s.State != contract.Reloading {
			w.t.Errorf("the start of one that serves: %+v, %v", s, err)
		}
		for content := range 5 {
			w.change(strconv.Itoa(content + 2))
		}
		reload.Wait()
		after(2 * time.Second)
		if s := w.wants(contract.Ready); s.SHA256 != "6" || s.Reloads != 2 || w.started() != 3 {
			w.t.Errorf("after one reload and five changes it is %+v, of %d processes", s, w.started())
		}
	})
}

// TestReloadWhileTheFileIsLookedAt: a look that nobody asked for is no reload that is in the way of one.
func TestReloadWhileTheFileIsLookedAt(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		volume := make(chan struct{})
		w.set(func() { w.stuck = volume })
		w.tell(watch.Changed)
		w.went()
		var order sync.WaitGroup
		order.Go(func() {
			if s, err := w.host.Reload(w.t.Context(), fakeName); err != nil || s.PID != 1001 || s.Reloads != 1 {
				w.t.Errorf("the reload: %+v, %v", s, err)
			}
		})
		w.went(contract.Reloading)
		if _, err := w.host.Reload(w.t.Context(), fakeName); !errors.Is(err, contract.ErrReloading) {
			w.t.Errorf("a second reload: %v", err)
		}
		w.set(func() { w.stuck = nil })
		close(volume)
		order.Wait()
		w.went(contract.Ready)
		if w.started() != 2 {
			w.t.Errorf("%d processes were started", w.started())
		}
	})
}

// TestReloadDoesNotWaitForALook: a look may have copied the file before it changed last.
func TestReloadDoesNotWaitForALook(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		volume := make(chan struct{})
		w.set(func() { w.stuck = volume })
		w.tell(watch.Changed)
		w.set(func() { w.stuck, w.content = nil, "2" })
		if s, err := w.host.Reload(w.t.Context(), fakeName); err != nil || s.SHA256 != "2" || s.Reloads != 1 {
			w.t.Errorf("the reload: %+v, %v", s, err)
		}
		close(volume)
		if s := w.wants(contract.Ready); s.SHA256 != "2" || s.Reloads != 1 || w.started() != 2 {
			w.t.Errorf("after the look it is %+v, of %d processes", s, w.started())
		}
	})
}

// TestReloadDoesNotWaitForAStart: what is being started may be what the file was. Who waits for it gets the new one.
func TestReloadDoesNotWaitForAStart(t *testing.T) {
	for name, c := range map[string]struct {
		bring func(w *world)
		want  contract.Status
	}{
		"the first": {func(w *world) { w.tell(watch.Added) }, contract.Status{}},
		"after a crash": {func(w *world) {
			w.set(func() { w.slow = 0 })
			w.up()
			w.set(func() { w.slow = time.Second })
			w.last().die("signal: killed")
		}, contract.Status{Restarts: 1}},
		"after a crash during a reload": {func(w *world) {
			w.set(func() { w.slow = 0 })
			w.up()
			w.set(func() { w.slow = time.Second })
			w.change("2")
			w.last().die("signal: killed")
		}, contract.Status{Restarts: 1, Reloads: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.set(func() { w.slow = time.Second })
				c.bring(w)
				w.wants(contract.Starting)
				var start sync.WaitGroup
				start.Go(func() {
					if s, err := w.host.Start(w.t.Context(), fakeName); err != nil || s.SHA256 != "3" {
						w.t.Errorf("the start: %+v, %v", s, err)
					}
				})
				after(500 * time.Millisecond)
				w.set(func() { w.content = "3" })
				start.Go(func() {
					s, err := w.host.Reload(w.t.Context(), fakeName)
					if err != nil || s.SHA256 != "3" || s.Restarts != c.want.Restarts || s.Reloads != c.want.Reloads {
						w.t.Errorf("the reload: %+v, %v", s, err)
					}
				})
				synctest.Wait()
				if _, err := w.host.Reload(w.t.Context(), fakeName); !errors.Is(err, contract.ErrReloading) {
					w.t.Errorf("a second reload: %v", err)
				}
				start.Wait()
			})
		})
	}
}

func TestReloadThatFailsDuringALookIsToldOnceAndForGood(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		volume := make(chan struct{})
		w.set(func() { w.stuck, w.slow, w.stillborn = volume, time.Second, errors.New("what a mess") })
		w.tell(watch.Changed)
		var order sync.WaitGroup
		order.Go(func() {
			if _, err := w.host.Reload(w.t.Context(), fakeName); !errors.Is(err, contract.ErrBroken) {
				w.t.Errorf("the reload says %v", err)
			}
		})
		synctest.Wait()
		w.set(func() { w.stuck = nil })
		close(volume)
		order.Wait()
		if s := w.wants(contract.Ready); !strings.Contains(s.Error, "what a mess") || w.failures() != 1 {
			w.t.Errorf("after %v failures it is %+v", w.failures(), s)
		}
	})
}

func TestCrashIsMendedAtOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		began := time.Now()
		w.last().die("exit status 3")
		w.went(contract.Crashed, contract.Starting, contract.Ready)
		if s := w.wants(contract.Ready); s.Restarts != 1 || s.Error != "" || time.Since(began) != 0 {
			w.t.Errorf("after a crash and %s it is %+v", time.Since(began), s)
		}
		w.last().die("exit status 3")
		if s := w.wants(contract.Backoff); !strings.Contains(s.Error, "exit status 3") || s.PID != 0 || s.SHA256 != "" {
			w.t.Errorf("after another it is %+v", s)
		}
		w.went(contract.Crashed, contract.Backoff)
		after(10 * time.Millisecond)
		w.went(contract.Starting, contract.Ready)
	})
}

// What keeps a plugin from coming up is told while it is tried again, too, which may well be most of the time.
func TestWhyAPluginIsTriedAgainIsTold(t *testing.T) {
	inBubble(t, func(w *world) {
		w.set(func() { w.slow, w.stillborn = 10*time.Second, errors.New("what a mess") })
		w.tell(watch.Added)
		if s := w.wants(contract.Starting); s.Error != "" {
			w.t.Errorf("the first time it is %+v", s)
		}
		after(11 * time.Second)
		if s := w.wants(contract.Starting); !strings.Contains(s.Error, "what a mess") || s.Restarts != 1 {
			w.t.Errorf("the second time it is %+v", s)
		}
		w.set(func() { w.slow, w.stillborn = 0, nil })
		after(20 * time.Second)
		if s := w.wants(contract.Ready); s.Error != "" {
			w.t.Errorf("once it came up it is %+v", s)
		}
	})
}

func TestFiveCrashesFail(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		for range 4 {
			after(100 * time.Millisecond)
			w.wants(contract.Ready)
			w.last().die("signal: killed")
		}
		after(100 * time.Millisecond)
		w.last().die("signal: killed")
		if s := w.wants(contract.Failed); s.Restarts != 4 || !strings.Contains(s.Error, "crashed 5 times within 10m") {
			w.t.Errorf("after five crashes it is %+v", s)
		}
		after(time.Hour)
		w.wants(contract.Failed)
		_, err := w.host.Encode(w.t.Context(), fakeName, nil)
		if e, ok := errors.AsType[*contract.UnavailableError](err); !ok || e.State != contract.Failed {
			w.t.Errorf("a call says %v", err)
		}
		if s, err := w.host.Start(w.t.Context(), fakeName); err != nil || s.State != contract.Ready {
			w.t.Errorf("the start: %+v, %v", s, err)
		}
		w.last().die("signal: killed")
		w.wants(contract.Ready) // Its crashes are forgotten: it is back at once.
	})
}

func TestCrashesFarBetweenNeverFail(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		for range 20 {
			after(3 * time.Minute)
			w.last().die("signal: killed")
			w.wants(contract.Ready) // Served for more than a minute: it is back at once.
		}
	})
}

func TestStillbornIsTriedWithGrowingPauses(t *testing.T) {
	inBubble(t, func(w *world) {
		w.set(func() { w.stillborn = errors.New("no good") })
		w.tell(watch.Added)
		if s := w.wants(contract.Backoff); s.Error != "no good" || s.Restarts != 1 {
			w.t.Errorf("it is %+v", s)
		}
		if _, err := w.host.Encode(w.t.Context(), fakeName, nil); err == nil {
			w.t.Error("a call of what never served is answered")
		}
		after(time.Minute)
		if s := w.wants(contract.Failed); s.Restarts != 4 {
			w.t.Errorf("it is %+v", s)
		}
		w.set(func() { w.stillborn = nil })
		w.change("2")
		w.wants(contract.Ready)
	})
}

func TestUnusableFileWaitsForAnother(t *testing.T) {
	for name, set := range map[string]func(w *world){
		"not staged":    func(w *world) { w.unusable = errors.New("no program") },
		"not a program": func(w *world) { w.stillborn = fmt.Errorf("%w: no program", contract.ErrBroken) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.set(func() { set(w) })
				w.tell(watch.Added)
				if s := w.wants(contract.Failed); !strings.Contains(s.Error, "no program") || s.Restarts != 0 {
					w.t.Errorf("it is %+v", s)
				}
				if _, err := w.host.Start(w.t.Context(), fakeName); !errors.Is(err, contract.ErrBroken) {
					w.t.Errorf("the start says %v", err)
				}
				after(time.Hour)
				w.wants(contract.Failed)
				w.set(func() { w.unusable, w.stillborn = nil, nil })
				w.change("2")
				w.wants(contract.Ready)
			})
		})
	}
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	inBubble(t, func(w *world) {
		w.set(func() { w.unusable = fmt.Errorf("cannot stage it: %w", syscall.ENOSPC) })
		w.tell(watch.Added)
		w.wants(contract.Backoff)
		after(time.Hour) // A volume may be full for long.
		w.wants(contract.Backoff)
		w.set(func() { w.unusable = nil })
		after(2 * time.Minute)
		w.wants(contract.Ready)
		w.last().die("signal: killed")
		w.wants(contract.Ready) // It is the first crash, and mended at once.
	})
}

func TestReloadIsMadeOnceMoreWhenWhatItWantedMayBeThere(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.unusable = fmt.Errorf("cannot stage it: %w", syscall.ENOSPC) })
		w.change("2")
		w.change("3")
		w.set(func() { w.unusable = nil })
		if s := w.wants(contract.Ready); s.SHA256 != "1" {
			w.t.Errorf("it is %+v, want the old content", s)
		}
		after(time.Minute)
		if s := w.wants(contract.Ready); s.SHA256 != "3" || s.Error != "" || w.started() != 2 {
			w.t.Errorf("it is %+v, want the new content and one process more", s)
		}
	})
}

// TestWhatIsPendingSurvivesACrash: a restart is made from the copy that served, and the file is not forgotten over it.
func TestWhatIsPendingSurvivesACrash(t *testing.T) {
	for _, c := range []struct {
		name     string
		unusable error
		relist   bool
		patience time.Duration
	}{
		{"the checksums do not allow it", fmt.Errorf("no such sum: %w", stage.ErrUnlisted), true, 0},
		{"it found no room", fmt.Errorf("cannot stage it: %w", syscall.ENOSPC), false, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				w.set(func() { w.unusable = c.unusable })
				w.change("2")
				told := w.wants(contract.Ready).Error
				for range 2 {
					w.last().die("signal: killed")
					after(100 * time.Millisecond)
					if s := w.wants(contract.Ready); s.SHA256 != "1" || s.Error != told || told == "" {
						w.t.Errorf("after a crash it is %+v, and said %q before", s, told)
					}
				}
				w.set(func() { w.unusable = nil })
				if p := w.host.index.get(fakeName); c.relist {
					p.post(p.relisted)
				}
				after(c.patience)
				if s := w.wants(contract.Ready); s.SHA256 != "2" || s.Error != "" || s.Reloads != 1 {
					w.t.Errorf("once the file can be used it is %+v", s)
				}
			})
		})
	}
}

func TestKillGivesAPredecessorNoMoreTime(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() {
			w.serve = func(ctx context.Context, p *fakeProcess, _ any) (any, error) {
				select {
				case <-ctx.Done():
					return nil, ctx.Err()
				case <-p.exited:
					return nil, rpc.ErrShutdown
				}
			}
		})
		var call sync.WaitGroup
		call.Go(func() { _, _ = w.host.Encode(context.Background(), fakeName, "for ever") })
		synctest.Wait()
		w.change("2")
		w.went(contract.Reloading, contract.Ready)
		began := time.Now()
		if _, err := w.host.Kill(w.t.Context(), fakeName); err != nil {
			w.t.Error(err)
		}
		if took := time.Since(began); took != time.Second {
			w.t.Errorf("the kill took %s, want a second", took)
		}
		call.Wait()
	})
}

// A read from a volume that is gone does not return, whatever context it has.
func TestOrdersAreBoundedThoughTheVolumeIsStuck(t *testing.T) {
	for _, c := range []struct {
		name  string
		order func(h *Host) error
	}{
		{"reload", func(h *Host) error {
			_, err := h.Reload(context.Background(), fakeName)
			return err
		}},
		{"kill", func(h *Host) error {
			go func() { _, _ = h.Reload(context.Background(), fakeName) }()
			synctest.Wait()
			_, err := h.Kill(context.Background(), fakeName)
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				stuck := make(chan struct{})
				w.set(func() { w.stuck = stuck })
				time.AfterFunc(time.Hour, func() { close(stuck) })
				if err := c.order(w.host); !errors.Is(err, contract.ErrTimeout) {
					w.t.Errorf("the order ends with %v, want %v", err, contract.ErrTimeout)
				}
				after(2 * time.Hour)
			})
		})
	}
}

func TestNewChecksums(t *testing.T) {
	unlisted := fmt.Errorf("no such sum: %w", stage.ErrUnlisted)
	for _, tc := range []struct {
		name   string
		before func(w *world)
		want   contract.State
	}{
		{"allow a file", func(w *world) {
			w.set(func() { w.unusable = unlisted })
			w.tell(watch.Added)
			w.wants(contract.Failed)
		}, contract.Ready},
		{"allow another version", func(w *world) {
			w.up()
			w.set(func() { w.unusable = unlisted })
			w.change("2")
			w.wants(contract.Ready)
		}, contract.Ready},
		{"do not mend a file", func(w *world) {
			w.set(func() { w.unusable = errors.New("no program") })
			w.tell(watch.Added)
			w.wants(contract.Failed)
		}, contract.Failed},
		{"do not start what was killed", func(w *world) {
			w.set(func() { w.unusable = unlisted })
			w.tell(watch.Added)
			w.wants(contract.Failed)
			if _, err := w.host.Kill(w.t.Context(), fakeName); err != nil {
				w.t.Error(err)
			}
		}, contract.Stopped},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				tc.before(w)
				w.set(func() { w.unusable = nil })
				p := w.host.index.get(fakeName)
				p.post(p.relisted)
				s := w.wants(tc.want)
				if tc.want == contract.Ready && (s.SHA256 != w.content || s.Error != "") {
					w.t.Errorf("it is %+v, want what the file holds", s)
				}
			})
		})
	}
}

func TestFrozenProcessIsReplaced(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		frozen := w.last()
		w.set(func() { frozen.frozen, frozen.hangs = true, true })
		after(time.Minute)
		s := w.wants(contract.Ready)
		if s.PID == frozen.pid || !frozen.gone() || s.Restarts != 1 {
			w.t.Errorf("it is %+v; the frozen one is gone: %t", s, frozen.gone())
		}
	})
}

func TestWhoAnswersCallsIsNotFrozen(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		p := w.last()
		w.set(func() { p.frozen = true })
		for range 60 {
			after(time.Second)
			if _, err := w.host.Encode(w.t.Context(), fakeName, nil); err != nil {
				w.t.Fatal(err)
			}
		}
		if w.started() != 1 {
			w.t.Error("it was replaced")
		}
	})
}

func TestLostConnectionOfALiveProcess(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		deaf := w.last()
		w.set(func() {
			w.serve = func(_ context.Context, p *fakeProcess, value any) (any, error) {
				if p == deaf {
					return nil, rpc.ErrShutdown
				}
				return value, nil
			}
		})
		if got, err := w.host.Encode(w.t.Context(), fakeName, "v"); err != nil || got != "v" {
			w.t.Errorf("the call: %v, %v", got, err)
		}
		if s := w.wants(contract.Ready); s.PID == deaf.pid || s.Restarts != 1 || !deaf.gone() {
			w.t.Errorf("it is %+v; the deaf one is gone: %t", s, deaf.gone())
		}
	})
}

func TestLostCallIsMadeTwiceAndNoMore(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		calls := 0
		w.set(func() {
			w.serve = func(_ context.Context, p *fakeProcess, _ any) (any, error) {
				calls++
				p.die("exit status 2")
				return nil, fmt.Errorf("dial unix /tmp/of/the/host: %w", rpc.ErrShutdown)
			}
		})
		_, err := w.host.Encode(w.t.Context(), fakeName, nil)
		if !errors.Is(err, contract.ErrDied) || calls != 2 {
			w.t.Errorf("after %d calls: %v", calls, err)
		}
		if strings.Contains(err.Error(), "/tmp") { // That is for the log.
			w.t.Errorf("the client is told %q", err)
		}
	})
}

func TestLostCallEndsWithItsTimeAndWithThePlugin(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		took   time.Duration
	}{
		"nothing comes in time": {func(w *world) { w.slow = time.Hour }, 10 * time.Second},
		"nothing can come":      {func(w *world) { w.stillborn = contract.ErrBroken }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				w.set(func() { c.change(w); w.serve = linger })
				began := time.Now()
				var call sync.WaitGroup
				call.Go(func() {
					if _, err := w.host.Encode(w.t.Context(), fakeName, nil); !errors.Is(err, contract.ErrDied) {
						w.t.Errorf("the call says %v", err)
					}
					if took := time.Since(began); took != c.took {
						w.t.Errorf("it took %s, want %s", took, c.took)
					}
				})
				synctest.Wait()
				w.last().die("signal: killed")
				call.Wait()
			})
		})
	}
}

func TestCallsWaitForWhatIsBeingMended(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.slow = 900 * time.Millisecond })
		w.last().die("signal: killed")
		w.wants(contract.Starting)
		if _, err := w.host.Encode(w.t.Context(), fakeName, nil); err != nil {
			w.t.Errorf("a call while a crash is mended: %v", err)
		}
		w.set(func() { w.slow = time.Hour })
		w.last().die("signal: killed")
		w.wants(contract.Backoff)
		began := time.Now()
		_, err := w.host.Encode(w.t.Context(), fakeName, nil)
		if e, ok := errors.AsType[*contract.UnavailableError](err); !ok || e.State != contract.Starting {
			w.t.Errorf("a call while a crash is mended: %v", err)
		}
		if took := time.Since(began); took != time.Second {
			w.t.Errorf("it waited %s", took)
		}
	})
}

// TestCallsWaitOnWhenTheRestartIsHastened: an order or another file brings forward what they wait for.
func TestCallsWaitOnWhenTheRestartIsHastened(t *testing.T) {
	for name, hasten := range map[string]func(w *world){
		"by a start": func(w *world) {
			if _, err := w.host.Start(w.t.Context(), fakeName); err != nil {
				w.t.Errorf("the start: %v", err)
			}
		},
		"by another file": func(w *world) { w.change("2") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				w.last().die("signal: killed")
				w.wants(contract.Ready)
				var calls sync.WaitGroup
				call := func() {
					if _, err := w.host.Encode(w.t.Context(), fakeName, nil); err != nil {
						w.t.Errorf("a call while a crash is mended: %v", err)
					}
				}
				w.set(func() { w.serve = linger })
				calls.Go(call) // It is cut off, and made once more.
				synctest.Wait()
				w.last().die("signal: killed")
				w.wants(contract.Backoff)
				calls.Go(call)
				w.set(func() { w.slow = 100 * time.Millisecond })
				hasten(w)
				calls.Wait()
				if s := w.wants(contract.Ready); s.Restarts != 2 || w.started() != 3 {
					w.t.Errorf("after two crashes it is %+v, of %d processes", s, w.started())
				}
			})
		})
	}
}

func TestCrashDuringReload(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.slow = 500 * time.Millisecond })
		old := w.last()
		w.change("2")
		w.wants(contract.Reloading)
		old.die("signal: killed")
		w.wants(contract.Starting)
		if _, err := w.host.Encode(w.t.Context(), fakeName, nil); err != nil {
			w.t.Errorf("a call meanwhile: %v", err)
		}
		if s := w.wants(contract.Ready); s.SHA256 != "2" || s.Restarts != 1 || w.started() != 2 {
			w.t.Errorf("it is %+v, of %d processes", s, w.started())
		}
	})
}

func TestCrashDuringALook(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		volume := make(chan struct{})
		w.set(func() { w.stuck = volume })
		w.change("2")
		w.last().die("signal: killed")
		w.wants(contract.Crashed)
		close(volume)
		if s := w.wants(contract.Ready); s.SHA256 != "2" || s.Restarts != 1 || w.started() != 2 {
			w.t.Errorf("it is %+v, of %d processes", s, w.started())
		}
	})
}

func TestCrashDuringReloadThatFails(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.slow = 500 * time.Millisecond; w.stillborn = errors.New("no good") })
		old := w.last()
		w.change("2")
		old.die("signal: killed")
		w.wants(contract.Starting)
		after(500 * time.Millisecond)
		w.wants(contract.Backoff)
		w.set(func() { w.stillborn = nil })
		after(time.Minute)
		w.wants(contract.Ready)
	})
}

// TestWhatServedLastIsStartedWhenTheFileCannotBe: a crash during a reload that fails, and before one, is mended with
// the copy that served, however the file fails.
func TestWhatServedLastIsStartedWhenTheFileCannotBe(t *testing.T) {
	crash := func(w *world) { w.last().die("signal: killed") }
	for name, spoil := range map[string]func(w *world){
		"it is no program": func(w *world) {
			w.set(func() { w.stillborns = map[string]error{"2": contract.ErrBroken} })
			w.change("2")
			crash(w)
		},
		"it does not come up": func(w *world) {
			w.set(func() { w.stillborns = map[string]error{"2": errors.New("what a mess")} })
			w.change("2")
			crash(w)
		},
		"it is refused while it is looked at": func(w *world) {
			volume := make(chan struct{})
			w.set(func() { w.stuck, w.unusable = volume, fmt.Errorf("no such sum: %w", stage.ErrUnlisted) })
			w.change("2")
			crash(w)
			w.wants(contract.Crashed)
			w.set(func() { w.stuck = nil })
			close(volume)
		},
		"there is no room for it": func(w *world) {
			volume := make(chan struct{})
			w.set(func() { w.stuck, w.unusable = volume, fmt.Errorf("cannot stage it: %w", syscall.ENOSPC) })
			w.change("2")
			crash(w)
			w.wants(contract.Crashed)
			w.set(func() { w.stuck = nil })
			close(volume)
		},
		"it comes during the pause": func(w *world) {
			crash(w)
			after(time.Second)
			crash(w)
			w.wants(contract.Backoff)
			w.set(func() { w.unusable = errors.New("no program") })
			w.change("2")
		},
		"it is tried because the copy does not come up at once": func(w *world) {
			w.set(func() {
				w.content, w.unusable = "2", errors.New("no program")
				w.stillborns = map[string]error{"1": errors.New("what a mess")}
			})
			crash(w)
			after(400 * time.Millisecond)
			w.wants(contract.Backoff)
			w.set(func() { w.stillborns = nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				w.set(func() { w.slow = 400 * time.Millisecond })
				spoil(w)
				synctest.Wait()
				if _, err := w.host.Encode(w.t.Context(), fakeName, nil); err != nil {
					w.t.Errorf("a call meanwhile: %v", err)
				}
				after(5 * time.Second)
				if s := w.wants(contract.Ready); s.SHA256 != "1" || !strings.Contains(s.Error, "last reload failed") {
					w.t.Errorf("it is %+v, want what served and why the file does not", s)
				}
			})
		})
	}
}

// TestCopyThatIsGoneIsMadeAnew: what cleans up temporary directories may take a copy away, which is no fault of the
// file.
func TestCopyThatIsGoneIsMadeAnew(t *testing.T) {
	for name, c := range map[string]struct {
		lose func(w *world)
		want contract.State
	}{
		"the copy alone": {func(w *world) { w.taken = true }, contract.Ready},
		"the next, too":  {func(w *world) { w.stillborn = errNoCopy }, contract.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				w.set(func() { c.lose(w) })
				w.last().die("signal: killed")
				if s := w.wants(c.want); s.Restarts != 1 {
					w.t.Errorf("it is %+v", s)
				}
			})
		})
	}
}

// TestCrashesBetweenLooksAtABadFileFail: a file that cannot be used is no way around the pauses.
func TestCrashesBetweenLooksAtABadFileFail(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.unusable = errors.New("no program") })
		w.change("2")
		for crashes := 1; ; crashes++ {
			volume := make(chan struct{})
			w.set(func() { w.stuck = volume })
			w.tell(watch.Changed)
			w.last().die("signal: killed")
			synctest.Wait()
			w.set(func() { w.stuck = nil })
			close(volume)
			after(time.Second)
			if s, err := w.host.Get(fakeName); err != nil || s.State != contract.Ready {
				if s = w.wants(contract.Failed); crashes != 5 || s.Restarts != 4 {
					w.t.Errorf("after %d crashes it is %+v", crashes, s)
				}
				return
			}
		}
	})
}

func TestReloadFinishesTheCallsOfTheOldOne(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.serve = linger })
		old := w.last()
		var call sync.WaitGroup
		call.Go(func() {
			if pid, err := w.host.Encode(w.t.Context(), fakeName, nil); err != nil || pid != old.pid {
				w.t.Errorf("the call in flight: %v, %v", pid, err)
			}
		})
		synctest.Wait()
		w.change("2")
		w.wants(contract.Ready)
		if old.gone() {
			w.t.Error("the old one was killed with a call in flight")
		}
		call.Wait()
		synctest.Wait()
		if !old.gone() {
			w.t.Error("the old one lives on")
		}
	})
}

func TestKillFrom(t *testing.T) {
	for name, bring := range map[string]func(w *world){
		"ready":     func(*world) {},
		"starting":  func(w *world) { w.set(func() { w.slow = time.Hour }); w.last().die(""); w.wants(contract.Starting) },
		"reloading": func(w *world) { w.set(func() { w.slow = time.Hour }); w.change("2"); w.wants(contract.Reloading) },
		"starting beside what served": func(w *world) {
			w.set(func() { w.slow = time.Hour })
			w.change("2")
			w.last().die("")
			w.wants(contract.Starting)
		},
		"backoff": func(w *world) { w.last().die(""); synctest.Wait(); w.last().die(""); w.wants(contract.Backoff) },
		"failed": func(w *world) {
			w.last().die("")
			w.set(func() { w.stillborn = contract.ErrBroken })
			synctest.Wait()
			w.last().die("")
			after(time.Second)
			w.wants(contract.Failed)
		},
		"stopped": func(w *world) { _, _ = w.host.Kill(w.t.Context(), fakeName); w.wants(contract.Stopped) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				bring(w)
				s, err := w.host.Kill(w.t.Context(), fakeName)
				if err != nil || s.State != contract.Stopped || s.PID != 0 {
					w.t.Errorf("the kill: %+v, %v", s, err)
				}
				for _, p := range w.processes {
					if !p.gone() {
						w.t.Errorf("process %d is left", p.pid)
					}
				}
				after(time.Hour)
				w.wants(contract.Stopped)
				w.set(func() { w.slow, w.stillborn = 0, nil })
				if s, err := w.host.Reload(w.t.Context(), fakeName); err != nil || s.State != contract.Ready {
					w.t.Errorf("the reload of what is stopped: %+v, %v", s, err)
				}
			})
		})
	}
}

func TestKillLetsCallsFinishForASecond(t *testing.T) {
	for name, c := range map[string]struct {
		left time.Duration // of the call
		want error
	}{
		"short": {900 * time.Millisecond, nil},
		"long":  {time.Hour, contract.ErrDied},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.up()
				w.set(func() {
					w.serve = func(_ context.Context, p *fakeProcess, _ any) (any, error) {
						select {
						case <-time.After(c.left):
							return nil, nil
						case <-p.exited:
							return nil, rpc.ErrShutdown
						}
					}
				})
				var call sync.WaitGroup
				call.Go(func() {
					if _, err := w.host.Encode(w.t.Context(), fakeName, nil); !errors.Is(err, c.want) {
						w.t.Errorf("the call in flight: %v, want %v", err, c.want)
					}
				})
				synctest.Wait()
				var kill sync.WaitGroup
				kill.Go(func() { _, _ = w.host.Kill(w.t.Context(), fakeName) })
				w.wants(contract.Draining)
				if _, err := w.host.Encode(w.t.Context(), fakeName, nil); err == nil {
					w.t.Error("a call is taken while the plugin drains")
				}
				kill.Wait()
				call.Wait()
			})
		})
	}
}

func TestStartDuringKillFollowsIt(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.serve = linger })
		var calls sync.WaitGroup
		calls.Go(func() { _, _ = w.host.Encode(w.t.Context(), fakeName, nil) })
		synctest.Wait()
		calls.Go(func() {
			if _, err := w.host.Kill(w.t.Context(), fakeName); err != nil {
				w.t.Errorf("the kill: %v", err)
			}
		})
		w.wants(contract.Draining)
		if s, err := w.host.Start(w.t.Context(), fakeName); err != nil || s.State != contract.Ready || s.PID != 1001 {
			w.t.Errorf("the start: %+v, %v", s, err)
		}
		calls.Wait()
		w.went(contract.Draining, contract.Stopped, contract.Discovered, contract.Staged, contract.Starting, contract.Ready)
	})
}

func TestWaitingForAStartEndsWithTheContextAndTheStartGoesOn(t *testing.T) {
	inBubble(t, func(w *world) {
		w.set(func() { w.slow = 2 * time.Second })
		w.tell(watch.Added)
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if _, err := w.host.Start(ctx, fakeName); !errors.Is(err, context.DeadlineExceeded) {
			w.t.Errorf("the start says %v", err)
		}
		if s, err := w.host.Start(w.t.Context(), fakeName); err != nil || s.State != contract.Ready || w.started() != 1 {
			w.t.Errorf("the second start: %+v, %v, %d processes", s, err, w.started())
		}
	})
}

func TestStartDoesNotWaitForThePause(t *testing.T) {
	inBubble(t, func(w *world) {
		w.set(func() { w.stillborn = errors.New("no good") })
		w.tell(watch.Added)
		after(2 * time.Second)
		w.wants(contract.Backoff)
		w.set(func() { w.stillborn = nil })
		began := time.Now()
		s, err := w.host.Start(w.t.Context(), fakeName)
		if took := time.Since(began); err != nil || s.State != contract.Ready || took != 0 {
			w.t.Errorf("the start: %+v, %v, after %s", s, err, took)
		}
	})
}

func TestKillEndsTheWaitOfOthers(t *testing.T) {
	inBubble(t, func(w *world) {
		w.set(func() { w.slow = time.Hour })
		w.tell(watch.Added)
		var start sync.WaitGroup
		start.Go(func() {
			_, err := w.host.Start(w.t.Context(), fakeName)
			if e, ok := errors.AsType[*contract.UnavailableError](err); !ok || e.State != contract.Stopped {
				w.t.Errorf("the start says %v", err)
			}
		})
		synctest.Wait()
		if _, err := w.host.Kill(w.t.Context(), fakeName); err != nil {
			w.t.Error(err)
		}
		start.Wait()
	})
}

func TestFileThatComesBackWhileItDrains(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() { w.serve = linger })
		var call sync.WaitGroup
		call.Go(func() {
			if _, err := w.host.Encode(w.t.Context(), fakeName, nil); err != nil {
				w.t.Errorf("the call in flight: %v", err)
			}
		})
		synctest.Wait()
		w.tell(watch.Removed)
		w.wants(contract.Draining)
		w.tell(watch.Added)
		w.wants(contract.Draining)
		call.Wait()
		if s := w.wants(contract.Ready); s.PID != 1001 {
			w.t.Errorf("it is %+v", s)
		}
	})
}

func TestCloseFrom(t *testing.T) {
	for name, bring := range map[string]func(w *world){
		"nothing":  func(*world) {},
		"starting": func(w *world) { w.set(func() { w.slow = time.Hour }); w.tell(watch.Added); w.wants(contract.Starting) },
		"ready":    func(w *world) { w.up() },
		"reloading": func(w *world) {
			w.up()
			w.set(func() { w.slow = time.Hour })
			w.change("2")
			w.wants(contract.Reloading)
		},
		"backoff": func(w *world) { w.up(); w.last().die(""); synctest.Wait(); w.last().die(""); w.wants(contract.Backoff) },
		"failed": func(w *world) {
			w.set(func() { w.unusable = errors.New("no") })
			w.tell(watch.Added)
			w.wants(contract.Failed)
		},
		"stopped": func(w *world) { w.up(); _, _ = w.host.Kill(w.t.Context(), fakeName) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				bring(w)
				w.end()
				for _, s := range w.host.List() {
					if s.State != contract.Stopped {
						w.t.Errorf("it is %+v", s)
					}
				}
				_, err := w.host.Start(w.t.Context(), fakeName)
				if _, ok := errors.AsType[*contract.UnavailableError](err); !ok && !errors.Is(err, contract.ErrNotFound) {
					w.t.Errorf("a start after the end says %v", err)
				}
			})
		})
	}
}

func TestCloseCutsCallsWhenTimeIsUp(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		p := w.last()
		w.set(func() {
			p.hangs = true
			w.serve = func(_ context.Context, p *fakeProcess, _ any) (any, error) {
				<-p.exited
				return nil, rpc.ErrShutdown
			}
		})
		var call sync.WaitGroup
		call.Go(func() {
			if _, err := w.host.Encode(w.t.Context(), fakeName, nil); !errors.Is(err, contract.ErrDied) {
				w.t.Errorf("the call says %v", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if err := w.host.Close(ctx); err != nil || time.Since(began) != 2*time.Second {
			w.t.Errorf("it closed with %v after %s", err, time.Since(began))
		}
		call.Wait()
	})
}

// TestCloseIsBoundedThoughTheVolumeIsStuck: what hangs is left behind, and nothing else.
func TestCloseIsBoundedThoughTheVolumeIsStuck(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		p, volume := w.last(), make(chan struct{})
		w.set(func() { w.stuck, p.hangs = volume, true })
		w.tell(watch.Changed)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		began := time.Now()
		err := w.host.Close(ctx)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
			w.t.Errorf("it closed with %v after %s", err, took)
		}
		if !p.gone() {
			w.t.Error("the process is left")
		}
		close(volume)
	})
}

func TestPluginMaySayFirstThatTimeIsUp(t *testing.T) {
	inBubble(t, func(w *world) {
		w.up()
		w.set(func() {
			w.serve = func(ctx context.Context, _ *fakeProcess, _ any) (any, error) {
				deadline, _ := ctx.Deadline()
				<-time.After(time.Until(deadline) - time.Microsecond)
				return nil, context.DeadlineExceeded
			}
		})
		if _, err := w.host.Encode(w.t.Context(), fakeName, nil); !errors.Is(err, contract.ErrTimeout) {
			w.t.Errorf("a call without a deadline: %v", err)
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if _, err := w.host.Encode(ctx, fakeName, nil); !errors.Is(err, context.DeadlineExceeded) {
			w.t.Errorf("a call with one: %v", err)
		}
	})
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	p := &plugin{name: contract.Name{File: fakeName}}
	for state, want := range map[contract.State]time.Duration{
		contract.Starting: time.Second, contract.Draining: time.Second, contract.Failed: time.Minute,
		contract.Stopped: time.Minute,
	} {
		err := p.unavailable(&view{status: contract.Status{State: state}})
		e, ok := errors.AsType[*contract.UnavailableError](err)
		if !ok || e.RetryAfter != want || e.State != state || e.Name != fakeName {
			t.Errorf("%s: %#v", state, err)
		}
	}
	later := time.Now().Add(10 * time.Second)
	e, ok := errors.AsType[*contract.UnavailableError](p.unavailable(&view{
		status: contract.Status{State: contract.Backoff}, retryAt: later,
	}))
	if !ok || e.RetryAfter < 9*time.Second || e.RetryAfter > 10*time.Second {
		t.Errorf("in a pause: %#v", e)
	}
}
