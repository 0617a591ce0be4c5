package cloudfunctions

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/podinfo-targets/podinfo/handlers"
)

// mostMargin is how long before the platform's own timeout a request ends at most. It is what there is for the answer
// to leave in.
const mostMargin = time.Second

// withinDeadline returns the request's context with a deadline a little before the one that the framework gave it from
// CLOUD_RUN_TIMEOUT_SECONDS, when the platform answers in podinfo's place.
func withinDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(-min(time.Until(end)/10, mostMargin)))
}

// late answers 504 to a request whose handler came back at the deadline without a word: net/http would make an empty
// 200 of that.
func (a *answer) late(ctx context.Context) {
	if !a.begun && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		handlers.WriteError(a, http.StatusGatewayTimeout, "the answer was not ready within the function's timeout")
	}
}
