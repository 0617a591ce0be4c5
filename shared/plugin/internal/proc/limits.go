package proc

import (
	"math"
	"strconv"
)

// slack is what a process may map beyond Limits.MemoryBytes. The kernel counts what is mapped to be written to, not
// what is used, and Go maps its heap in pieces of 64 MiB. A Go program that uses 20 MiB has mapped 85.
const slack = 96 << 20

// Limits bound what a process may take. Zero is no limit.
type Limits struct {
	MemoryBytes int64   // of memory; a process that asks for more gets none, of which most programs die
	CPUs        float64 // of which a Go program plans with as many (GOMAXPROCS) and a control group gives no more
	Processes   int64   // and threads at a time, which needs a control group
	MaxFiles    int64   // descriptors that are open at a time
	FileBytes   int64   // of the largest file that the process may write
}

// environ tells a Go program its limits, so that it collects garbage in time instead of running into them.
func (l Limits) environ() []string {
	var env []string
	if l.MemoryBytes > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(l.MemoryBytes/10*9, 10))
	}
	if l.CPUs > 0 {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(int(math.Ceil(l.CPUs))))
	}
	return env
}
