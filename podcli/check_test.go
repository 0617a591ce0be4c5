package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTriesAreDelayApartAndNeverDelayedBefore(t *testing.T) {
	t.Parallel()
	const always = 100
	for _, test := range []struct {
		name   string
		retry  int
		fails  int
		want   []time.Duration // when each try began
		passes bool
	}{
		{"no retry, healthy", 0, 0, []time.Duration{0}, true},
		{"no retry, down", 0, always, []time.Duration{0}, false},
		{"healthy at the last try", 2, 2, []time.Duration{0, 3 * time.Second, 6 * time.Second}, true},
		{"healthy before the last try", 9, 1, []time.Duration{0, 3 * time.Second}, true},
		{"down", 2, always, []time.Duration{0, 3 * time.Second, 6 * time.Second}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var began []time.Duration
				checks := tries{retry: test.retry, delay: 3 * time.Second, timeout: time.Second}
				err := checks.repeat(func() error {
					began = append(began, time.Since(start))
					if len(began) <= test.fails {
						return errUnhealthy
					}
					return nil
				})
				if (err == nil) != test.passes {
					t.Errorf("error %v, want success: %t", err, test.passes)
				}
				if !slices.Equal(began, test.want) {
					t.Errorf("tries began after %v, want %v", began, test.want)
				}
				if ended := time.Since(start); ended != test.want[len(test.want)-1] {
					t.Errorf("ended after %v, want no wait after the last try", ended)
				}
			})
		})
	}
}

func TestTimeoutBoundsEachTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checks := tries{timeout: 5 * time.Second}
		start := time.Now()
		_, err := checks.once(func(ctx context.Context) ([]slog.Attr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if err == nil || err.Error() != "no complete answer within 5s; see --timeout" {
			t.Errorf("error %v does not tell of the timeout", err)
		}
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("ended after %v, want 5s", waited)
		}
	})
}

// Every protocol's client must give up on a server that accepts and says nothing.
func TestTimeoutHoldsAgainstASilentServer(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"check http http://", "check cert ", "check grpc ", "check grpc --tls ",
		"check token http://", "check cache https://", "check ws ws://", "check ws wss://", "ws ws://", "ws wss://",
		"plugin list http://", "plugin encode a https://", "plugin kill a http://"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			args := strings.Split(command+silentServer(t), " ")
			r := podcli("", append(args, "--timeout=50ms")...)
			if r.code != 1 || !strings.Contains(r.stderr, "answer within 50ms; see --timeout") {
				t.Errorf("exit status %d, want 1 and a word about the timeout in %q", r.code, r.stderr)
			}
		})
	}
}
