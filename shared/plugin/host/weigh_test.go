package host

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

func TestWeigh(t *testing.T) {
	t.Parallel()
	endless := []any{nil}
	endless[0] = endless
	for _, c := range []struct {
		name  string
		value any
		want  int64
	}{
		{"nil", nil, 64},
		{"number", 1.5, 64},
		{"bytes", make([]byte, 1000), 1064},
		{"text", strings.Repeat("a", 1000), 1064},
		{"list", []any{"abc", nil}, 64 + 67 + 64},
		{"map", map[string]any{"ab": []byte("abc")}, 64 + 2 + 67},
		{"list of itself", endless, 64 * (deepest + 1)},
	} {
		if got := weigh(c.value); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestArgumentsHaveTheirShareOfTheMemory: each of three calls may be made, and alone one of any size.
func TestArgumentsHaveTheirShareOfTheMemory(t *testing.T) {
	inBubble(t, func(w *world) {
		w.host.o.Limits.Memory = 16 << 20
		w.up()
		third, whole := make([]byte, 400<<10), make([]byte, 2<<20)
		answer := make(chan struct{})
		w.set(func() {
			w.serve = func(_ context.Context, _ *fakeProcess, value any) (any, error) {
				<-answer
				return value, nil
			}
		})
		results := make(chan error)
		call := func(value any) {
			go func() {
				_, err := w.host.Encode(w.t.Context(), fakeName, value)
				results <- err
			}()
			synctest.Wait()
		}
		call(third)
		call(third)
		for _, value := range []any{third, whole} {
			if _, err := w.host.Encode(w.t.Context(), fakeName, value); !errors.Is(err, contract.ErrBusy) {
				w.t.Errorf("a call that finds no room: %v", err)
			}
		}
		call("small")
		close(answer)
		for range 3 {
			if err := <-results; err != nil {
				w.t.Error(err)
			}
		}
		if _, err := w.host.Encode(w.t.Context(), fakeName, whole); err != nil {
			w.t.Errorf("a call that is alone: %v", err)
		}
	})
}
