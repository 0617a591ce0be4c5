package host

import (
	"context"
	"fmt"
	"time"
)

// mind waits for the end of an instance and returns how it ended. What it returns once the instance was retired is of
// no interest to anyone.
func mind(i *instance, autopsy time.Duration) (cause error) {
	select {
	case <-i.retired.Done():
		return nil
	case <-i.Exited():
		return fmt.Errorf("its process ended (%s)", i.Exit())
	case <-i.lost:
	}
	// As a rule the connection is gone because the process is, and how that ended is worth more to know.
	timer := time.NewTimer(autopsy)
	defer timer.Stop()
	select {
	case <-i.retired.Done():
		return nil
	case <-i.Exited():
		return fmt.Errorf("its process ended (%s): %w", i.Exit(), i.cause)
	case <-timer.C:
		return fmt.Errorf("the connection to its process is lost, though that lives: %w", i.cause)
	}
}

// ping asks an instance for signs of life until it is retired or lost. A process that is frozen, or a connection that
// is stalled, ends no call by itself: only this notices.
func ping(i *instance, p pace) {
	ticker := time.NewTicker(p.ping)
	defer ticker.Stop()
	for failures := 0; ; {
		select {
		case <-i.retired.Done():
			return
		case <-i.lost:
			return
		case <-i.Exited():
			return
		case <-ticker.C:
		}
		if i.answered.Swap(false) { // Whoever answers calls need not be asked.
			failures = 0
			continue
		}
		err := pingOnce(i, p.pingTimeout)
		if err == nil {
			failures = 0
			continue
		}
		failures++
		if failures >= p.pings {
			i.lose(fmt.Errorf("it did not answer %d pings in a row: %w", failures, err))
			return
		}
	}
}

func pingOnce(i *instance, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(i.retired, timeout)
	defer cancel()
	return i.Ping(ctx)
}
