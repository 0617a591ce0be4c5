package faults_test

import (
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/faults"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDelay draws often enough that a bound which is never reached, or is overstepped, shows.
func TestDelay(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	tests := []struct {
		name string
		give faults.Options
		want []time.Duration // every delay there may be, and each must come up
	}{
		{
			name: "off",
			give: faults.Options{DelayMin: ms, DelayMax: 5 * ms, DelayUnit: ms},
			want: []time.Duration{0},
		},
		{
			name: "both bounds included",
			give: faults.Options{RandomDelay: true, DelayMin: 2 * ms, DelayMax: 5 * ms, DelayUnit: ms},
			want: []time.Duration{2 * ms, 3 * ms, 4 * ms, 5 * ms},
		},
		{
			name: "whole seconds",
			give: faults.Options{RandomDelay: true, DelayMax: 2 * time.Second, DelayUnit: time.Second},
			want: []time.Duration{0, time.Second, 2 * time.Second},
		},
		{
			name: "minimum equals maximum",
			give: faults.Options{RandomDelay: true, DelayMin: 3 * ms, DelayMax: 3 * ms, DelayUnit: ms},
			want: []time.Duration{3 * ms},
		},
		{
			name: "maximum below minimum",
			give: faults.Options{RandomDelay: true, DelayMin: 3 * ms, DelayMax: ms, DelayUnit: ms},
			want: []time.Duration{3 * ms},
		},
		{
			name: "negative bounds",
			give: faults.Options{RandomDelay: true, DelayMin: -3 * ms, DelayMax: -ms, DelayUnit: ms},
			want: []time.Duration{0},
		},
		{
			name: "no unit",
			give: faults.Options{RandomDelay: true, DelayMin: 1, DelayMax: 3},
			want: []time.Duration{1, 2, 3},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			injector := faults.New(tt.give)
			seen := map[time.Duration]bool{}
			for range 2000 {
				seen[injector.Delay()] = true
			}
			if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, tt.want) {
				t.Errorf("delays = %v, want %v", got, tt.want)
			}
			if got := injector.Random(); got != tt.give.RandomDelay {
				t.Errorf("Random() = %t, want %t", got, tt.give.RandomDelay)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	const draws = 90_000
	injector := faults.New(faults.Options{RandomError: true})
	if !injector.Random() {
		t.Error("Random() = false with random errors on")
	}
	seen := map[int]int{}
	for range draws {
		seen[injector.Status()]++
	}
	// The bounds are ten standard deviations wide: chance does not reach them, a wrong share does.
	for status, share := range map[int]float64{0: 6. / 9, 500: 1. / 9, 400: 1. / 9, 409: 1. / 9} {
		want, deviation := draws*share, math.Sqrt(draws*share*(1-share))
		if got := float64(seen[status]); math.Abs(got-want) > 10*deviation {
			t.Errorf("status %d came %v times in %d, want about %v", status, got, draws, want)
		}
		delete(seen, status)
	}
	if len(seen) > 0 {
		t.Errorf("statuses nobody asked for: %v", seen)
	}
}

func TestNoRandomFaults(t *testing.T) {
	t.Parallel()
	injector := faults.New(faults.Options{})
	for range 100 {
		if injector.Random() || injector.Delay() != 0 || injector.Status() != 0 || injector.Enabled() {
			t.Fatal("an injector without options makes faults")
		}
	}
}

func TestSwitch(t *testing.T) {
	t.Parallel()
	injector := faults.New(faults.Options{})
	var turners sync.WaitGroup
	for i := range 8 {
		turners.Go(func() {
			injector.SetEnabled(i%2 == 0)
			injector.Enabled()
		})
	}
	turners.Wait()
	for _, want := range []bool{true, true, false, true} {
		injector.SetEnabled(want)
		if got := injector.Enabled(); got != want {
			t.Errorf("Enabled() = %t after SetEnabled(%t)", got, want)
		}
	}
	if injector.Random() {
		t.Error("the switch counts as a random fault")
	}
}

func TestFaultsDoNotAllocate(t *testing.T) {
	injector := faults.New(faults.Options{
		RandomDelay: true, DelayMax: time.Second, DelayUnit: time.Millisecond, RandomError: true,
	})
	n := testing.AllocsPerRun(100, func() {
		_ = injector.Random() && injector.Enabled()
		_, _ = injector.Delay(), injector.Status()
	})
	if n != 0 {
		t.Errorf("deciding about a request allocates %v times, want 0", n)
	}
}

// FuzzDelay gives bounds of every kind: no delay may leave them, and none may be negative.
func FuzzDelay(f *testing.F) {
	f.Add(int64(0), int64(5), int64(time.Second))
	f.Add(int64(math.MinInt64), int64(math.MaxInt64), int64(1))
	f.Add(int64(7), int64(7), int64(0))
	f.Fuzz(func(t *testing.T, least, most, unit int64) {
		injector := faults.New(faults.Options{
			RandomDelay: true,
			DelayMin:    time.Duration(least), DelayMax: time.Duration(most), DelayUnit: time.Duration(unit),
		})
		floor := max(0, time.Duration(least))
		ceiling := max(floor, time.Duration(most))
		for range 10 {
			if got := injector.Delay(); got < floor || got > ceiling {
				t.Errorf("Delay() = %v, want it from %v to %v", got, floor, ceiling)
			}
		}
	})
}
