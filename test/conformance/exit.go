package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// exitTimeout bounds the wait for the end of a process.
const exitTimeout = 30 * time.Second

// noAnswer sends a request that must end in a closed connection.
func noAnswer(s *session, r request) error {
	x, err := r.exchange(s)
	switch {
	case err == nil:
		return fmt.Errorf("%s is answered with %s, want the connection to be closed without an answer",
			x.line, x.answer.Status)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %s: want the connection to be closed: %w", r.method, r.path, err)
	default:
		return nil
	}
}

// exits waits for the process to end with this code.
func exits(want int) Step {
	return step(func(s *session) error {
		ctx, cancel := context.WithTimeout(s.ctx, exitTimeout)
		defer cancel()
		got, err := s.target.Exit(ctx)
		if err != nil {
			return fmt.Errorf("waiting for the process to end: %w", err)
		}
		if got != want {
			return fmt.Errorf("the exit code is %d, want %d", got, want)
		}
		return nil
	})
}

// randomErrors sends enough requests to see every kind of answer: with 300 of them, the odds of missing one kind are
// less than one in 10^14, and those of a share of errors that is out of bounds about as small.
func randomErrors(s *session) error {
	const requests = 300
	seen := map[int]int{}
	for range requests {
		x, err := get("/version").exchange(s)
		if err != nil {
			return fmt.Errorf("GET /version got no answer: %w", err)
		}
		code := x.answer.StatusCode
		seen[code]++
		if code != 200 && len(x.body) > 0 {
			return x.judge([]check{body("")})
		}
		if !slices.Contains([]int{200, 400, 409, 500}, code) {
			return x.judge([]check{status(200, 400, 409, 500)})
		}
	}
	failed := seen[400] + seen[409] + seen[500]
	if len(seen) != 4 || failed < requests/9 || failed > requests*5/9 {
		return fmt.Errorf("of %d requests the answers were %v, want a third of them to be 400, 409 or 500", requests, seen)
	}
	return nil
}

// noRandomErrors sends so many requests that an error would show.
func noRandomErrors(s *session) error {
	for range 50 {
		for _, r := range []request{
			get("/healthz").want(status(200), jsonIs(isOK)),
			get("/readyz").want(status(200), jsonIs(isOK)),
			get("/fault_injection/status").want(status(200), jsonIs(disabled)),
		} {
			if err := r.do(s); err != nil {
				return err
			}
		}
		if s.target.Lacking(Metrics) != "" {
			continue
		}
		if err := get("/metrics").want(status(200), contains("http_requests_total")).do(s); err != nil {
			return err
		}
	}
	return nil
}
