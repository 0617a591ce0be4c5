package cloudfunctions

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/traffic"
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
	traffic.Settle(ctx, int(quiet/traffic.Look)+1, f.requests.Watch(f.requests.InFlight))
	ending.Wait()
	if requests := f.requests.InFlight(); requests > 0 || sockets > 0 {
		f.app.Log.WithFields(logrus.Fields{"requests": requests, "websockets": sockets}).
			Warn("requests were cut, since the platform gives no more time")
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	f.app.Close(last)
}
