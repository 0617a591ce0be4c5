package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// exitTimeout bounds the wait for the end of a process.
const exitTimeout = 45 * time.Second

// noAnswer sends a request that must end in a closed connection.
func noAnswer(r request) func(*session) error {
	return func(s *session) error {
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
}

// noSuccess sends a request that the server cannot answer. A front door may say so in its place.
func noSuccess(r request) func(*session) error {
	return func(s *session) error {
		x, err := r.exchange(s)
		switch {
		case err == nil:
			return x.judge([]check{status(http.StatusInternalServerError, http.StatusBadGateway)})
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("%s %s: want an end, be it that of the connection: %w", r.method, r.path, err)
		default:
			return nil
		}
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

// randomErrors sends enough requests to see every kind of answer: with 150 of them, the odds of missing one kind are
// less than one in ten million, and those of a share of errors that is out of bounds are smaller.
func randomErrors(s *session) error {
	const requests = 150
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

// noRandomErrors sends so many requests that an error would show, but for one in a thousand times.
func noRandomErrors(s *session) error {
	for range 20 {
		for _, r := range []request{
			get("/healthz").want(status(200), jsonIs(isOK)),
			get("/readyz").want(status(200), jsonIs(isOK)),
			get("/fault_injection/status").want(status(200), jsonIs(disabled)),
			get("/metrics").want(status(200), contains("http_requests_total")),
		} {
			if err := r.do(s); err != nil {
				return err
			}
		}
	}
	return nil
}
