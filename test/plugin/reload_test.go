package plugin_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// TestReloadsLoseNoCall reloads a plugin a hundred times under load, by request and by a change of its file.
func TestReloadsLoseNoCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		const reloads, ofFiles = 100, 5
		name := named(transport, "echo")
		r := serve(t, name)
		l := r.press(t, name)
		var took durations
		for i := range reloads {
			old := r.await(t, name, contract.Ready)
			if i%(reloads/ofFiles) == 0 {
				install(t, r.dir, name, strconv.Itoa(i))
				r.until(t, "the changed file serves", name, func(s contract.Status) bool { return s.Reloads == old.Reloads+1 })
			} else {
				began := time.Now()
				if _, err := r.Reload(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			if s := r.await(t, name, contract.Ready); s.PID == old.PID || s.Reloads != old.Reloads+1 {
				t.Fatalf("reload %d made %+v of %+v", i, s, old)
			}
			l.moved(t)
		}
		l.stop()
		for metric, want := range map[string]float64{"reloads_total": reloads, "restarts_total": 0, "retries_total": 0} {
			if got := r.count(t, metric, name, ""); got != want {
				t.Errorf("%s is %v, want %v", metric, got, want)
			}
		}
		if answered := r.count(t, "calls_total", name, "ok"); answered < float64(l.calls.Load()) {
			t.Errorf("%d calls were made and %v answered", l.calls.Load(), answered)
		}
		t.Logf("%d reloads under %d callers: %d of %d calls lost; a reload took p50 %s, p99 %s",
			reloads, callers, l.lost.Load(), l.calls.Load(), took.percentile(50), took.percentile(99))
	})
}
