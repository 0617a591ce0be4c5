package cloudfunctions

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// Cloud Run kills an instance 10 seconds after SIGTERM, see
// https://cloud.google.com/run/docs/container-contract#instance-shutdown. These add up to less.
const (
	// drainTime is for the requests in flight and the websockets.
	drainTime = 8 * time.Second
	// closeTime is for the last telemetry.
	closeTime = 1500 * time.Millisecond
	// quiet is how long nothing may be in flight before the process leaves. In it the framework's server, which cannot
	// be asked, writes the last bytes of the last answer, and takes in what was on its way.
	quiet = 250 * time.Millisecond
	// look is how often it is looked.
	look = 5 * time.Millisecond
)

// stopOn waits for the first signal, then stops in order and returns the exit code, 0. A second signal is for who does
// not want to wait: it returns 1 at once.
func (f *Function) stopOn(signals <-chan os.Signal) int {
	<-signals
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		f.stop(ctx)
	}()
	select {
	case <-stopped:
		return 0
	case <-signals:
		return 1
	}
}

// stop lets the requests in flight finish while ctx lasts, and those that still come in: the platform may send some
// until it has noticed. Then it releases everything.
func (f *Function) stop(ctx context.Context) {
	f.app.Health.Drain()
	f.app.Log.Info("Stopping podinfo")
	var ending sync.WaitGroup
	var sockets int
	ending.Go(func() { sockets = f.app.API.Shutdown(ctx) })
	f.traffic.settle(ctx)
	ending.Wait()
	if requests := f.traffic.inFlight(); requests > 0 || sockets > 0 {
		f.app.Log.WithFields(logrus.Fields{"requests": requests, "websockets": sockets}).
			Warn("requests were cut, since the platform gives no more time")
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	f.app.Close(last)
}

// traffic counts the requests.
type traffic struct{ begun, ended atomic.Int64 }

func (t *traffic) enter() { t.begun.Add(1) }
func (t *traffic) leave() { t.ended.Add(1) }

// inFlight is the number of requests that are not answered yet.
func (t *traffic) inFlight() int64 {
	ended := t.ended.Load() // First, for a request that begins in between must not make the number negative.
	return t.begun.Load() - ended
}

// alone tells the one request in flight that there is no other.
func (t *traffic) alone() bool { return t.inFlight() <= 1 }

// settle waits until nothing has been in flight for a while, or ctx ends.
func (t *traffic) settle(ctx context.Context) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	begun, since := t.begun.Load(), time.Now()
	for time.Since(since) < quiet {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := t.begun.Load(); now != begun || t.inFlight() > 0 {
			begun, since = now, time.Now()
		}
	}
}
