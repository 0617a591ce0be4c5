package faults

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"

	"github.com/sirupsen/logrus"
)

const (
	// loopsPerCPU bounds the busy loops. One for each CPU keeps them all busy; a few more make requests queue for
	// them, and beyond that nothing is to be learnt, only probes fail.
	loopsPerCPU = 4

	// megabyte is the unit of StressOptions.MemoryMB, ten to the sixth.
	megabyte = 1_000_000
)

// StressOptions says what StartStress loads. The zero value loads nothing.
type StressOptions struct {
	CPU      int // busy loops
	MemoryMB int // memory to hold, in megabytes of 10^6 bytes
}

// StartStress keeps CPUs busy and holds memory until stop is called, which ends all of it, waits for that and may be
// called again.
//
// More than four busy loops for each CPU of this process are cut to that. Memory is held in full or not at all: what
// does not fit into nine tenths of what the system and the memory limit of the control group leave free is refused,
// with a line in log that says how much would fit. The rest is filled in the background, so StartStress returns at
// once.
func StartStress(o StressOptions, log *logrus.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	for range startableLoops(o.CPU, log) {
		workers.Go(func() { burn(ctx) })
	}
	if size, err := holdable(o.MemoryMB); err != nil {
		log.WithError(err).Error("stress memory refused")
	} else if size > 0 {
		workers.Go(func() {
			if err := hold(ctx, size); err != nil {
				log.WithError(err).Error("stress memory refused")
			}
		})
	}
	return sync.OnceFunc(func() {
		cancel()
		workers.Wait()
	})
}

// startableLoops returns how many of the loops that were asked for are started.
func startableLoops(asked int, log *logrus.Logger) int {
	most := loopsPerCPU * runtime.GOMAXPROCS(0)
	if asked > most {
		log.WithFields(logrus.Fields{"asked": asked, "started": most}).Warn("stress CPU loops cut to four for each CPU")
	}
	return min(max(asked, 0), most)
}

// burn keeps a CPU busy until ctx is done.
func burn(ctx context.Context) {
	for ctx.Err() == nil {
	}
}

// holdable returns the size in bytes of the memory that was asked for, in megabytes, or an error when it does not fit.
func holdable(asked int) (size int, err error) {
	if asked <= 0 {
		return 0, nil
	}
	most := min(freeMemory(os.DirFS("/"))/10*9, math.MaxInt) / megabyte
	if uint64(asked) > most {
		return 0, fmt.Errorf("cannot hold %d MB of memory: %d MB fit; ask for less or raise the memory limit", asked, most)
	}
	return asked * megabyte, nil
}

// hold takes size bytes of memory, writes to each page, so that it is really there, and keeps it until ctx is done.
func hold(ctx context.Context, size int) error {
	memory, release, err := allocate(size)
	if err != nil {
		return fmt.Errorf("cannot hold %d MB of memory: %w", size/megabyte, err)
	}
	defer release()
	for i := 0; i < len(memory) && ctx.Err() == nil; i += os.Getpagesize() {
		memory[i] = 1
	}
	<-ctx.Done()
	return nil
}
