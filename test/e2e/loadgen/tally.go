package main

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/internal/report"
)

// tally counts how requests have ended.
type tally struct {
	mu     sync.Mutex
	counts report.Report
}

func newTally() *tally {
	return &tally{counts: report.Report{Failures: map[string]int{}, By: map[string]int{}}}
}

func (t *tally) add(r result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.counts
	c.Requests++
	if r.retried {
		c.Retried++
	}
	if r.failure != "" {
		c.Failed++
		c.Failures[r.failure]++
		if c.FirstFailure == "" {
			c.FirstFailure = time.Now().UTC().Format(time.RFC3339Nano)
		}
		return
	}
	c.SlowestMillis = max(c.SlowestMillis, r.took.Milliseconds())
	if r.by != "" {
		c.By[r.by]++
	}
}

// report writes the counts to w at every interval, and for the last time when ctx is done.
func (t *tally) report(ctx context.Context, every time.Duration, w io.Writer) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			t.write(w, true)
			return
		case <-ticker.C:
			t.write(w, false)
		}
	}
}

func (t *tally) write(w io.Writer, done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Done = done
	_ = json.NewEncoder(w).Encode(t.counts) // with stdout gone there is nobody to tell
}
