package plugin_test

import (
	"errors"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// TestKillsLoseNoCall kills a plugin under load, again and again. Four times in a row it is mended in milliseconds; a
// fifth would be one too many for the host, so that several hosts take turns.
func TestKillsLoseNoCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		const hosts, kills = 8, 4
		name := named(transport, "echo")
		var back durations
		var calls, lost, retries float64
		for range hosts {
			r := serve(t, name)
			l := r.press(t, name)
			for range kills {
				l.moved(t)
				back = append(back, r.recovery(t, name))
			}
			l.stop()
			calls, lost = calls+float64(l.calls.Load()), lost+float64(l.lost.Load())
			retries += r.count(t, "retries_total", name, "")
			if restarts := r.count(t, "restarts_total", name, ""); restarts != kills {
				t.Errorf("%v restarts after %d kills", restarts, kills)
			}
			r.close(t)
		}
		if most := float64(len(back) * (callers + 1)); retries > most || retries == 0 {
			t.Errorf("%v calls were made once more, of at most %v that were in flight", retries, most)
		}
		p99 := back.percentile(99)
		t.Logf("%d kills under %d callers: %v of %v calls lost, %v made once more; back in service after p50 %s, p99 %s",
			len(back), callers, lost, calls, retries, back.percentile(50), p99)
		if p99 > tooLong {
			t.Errorf("back in service after %s", p99)
		}
	})
}

// tooLong is what no busy machine explains. On one at rest a plugin is back in service within 100 milliseconds.
const tooLong = 2 * time.Second

// recovery kills the plugin's process and returns how long it took until another one answered a call.
func (r *runs) recovery(t *testing.T, name string) time.Duration {
	t.Helper()
	pid := r.encode(t, name, "pid").(int64)
	kill9(t, int(pid))
	began := time.Now()
	for {
		if r.encode(t, name, "pid") != pid {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			t.Fatalf("process %d still answers", pid)
		}
	}
}

// TestTheFifthCrashIsTheLast: a plugin that crashes five times within ten minutes is left alone, and says so, until
// somebody starts it.
func TestTheFifthCrashIsTheLast(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, transport contract.Transport) {
		name := named(transport, "echo")
		r := serve(t, name)
		for range 4 {
			r.recovery(t, name)
		}
		kill9(t, r.await(t, name, contract.Ready).PID)
		if s := r.await(t, name, contract.Failed); s.Restarts != 4 || s.PID != 0 {
			t.Errorf("after the fifth crash it is %+v", s)
		}
		_, err := r.Encode(t.Context(), name, "hello")
		unavailable, ok := errors.AsType[*contract.UnavailableError](err)
		if !ok || unavailable.State != contract.Failed || unavailable.RetryAfter < time.Second {
			t.Errorf("a call of it hears %v", err)
		}
		if s, err := r.Start(t.Context(), name); err != nil || s.State != contract.Ready {
			t.Fatalf("Start: %+v, %v", s, err)
		}
		for range 4 { // It has forgotten the crashes before.
			r.recovery(t, name)
		}
	})
}
