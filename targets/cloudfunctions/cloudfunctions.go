// Package cloudfunctions is podinfo as a Google Cloud Function of the 2nd generation, an HTTP function that the
// functions framework serves in a Cloud Run container.
//
// The framework brings the server, so what a server would do for podinfo is done here, around each request:
//
//   - answer.go: an answer that is broken off is cut, and connections are told to go when the process is to stop;
//   - deadline.go: the platform cuts a request at its timeout; podinfo answers 504 a little before;
//   - trace.go: the trace that Google's front end began goes on, in spans and in the log;
//   - event.go: an event gets an answer that says why it is not served;
//   - flush.go: telemetry leaves before the processor is taken away between requests;
//   - stop.go: SIGTERM, which the framework does not know, lets the requests in flight finish.
//
// What cannot be mended from within a function: the framework itself redirects a path that is not clean, such as
// //version, with 307 where podinfo would say 301. And it writes an empty line to both outputs after each request.
package cloudfunctions

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/logging"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlphttp"
	"github.com/podinfo-targets/podinfo/shared/traffic"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
)

// Function is podinfo as the framework calls it. Open makes it.
type Function struct {
	app      *app.App
	events   *events
	flusher  *flusher
	requests traffic.Counter
}

// Start opens the function for the process that it runs in, and from then on ends that process in order when it is
// told to stop. With a configuration that is wrong it logs one line and ends the process with 1: the platform then
// keeps the revision before this one, and shows the line.
func Start() *Function {
	f, err := Open(os.Environ(), os.Stderr, os.Exit)
	if err != nil {
		reportStart(os.Stderr, err)
		os.Exit(1)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { os.Exit(f.stopOn(signals)) }() // It is waited for: the process does not end without it.
	return f
}

// Open makes the function from the variables in environ, NAME=value. It logs to stderr; exit is what /panic calls.
// Nothing in it waits for a network.
func Open(environ []string, stderr io.Writer, exit func(code int)) (*Function, error) {
	cfg, err := config.Load(nil, environ, Target)
	if err != nil {
		return nil, err
	}
	p := platformOf(environ)
	a, err := app.New(cfg, app.Options{
		Environ: environ, Stderr: stderr, Exit: exit, Exporters: exporters,
		Layout: logging.CloudLogging(p.project), Attributes: p.attributes(), Platform: p.fields(),
		Withheld: map[handlers.Capability]string{
			handlers.GRPC: "the functions framework serves HTTP/1.1 only, and gRPC needs HTTP/2",
			handlers.Plugins: "plugins are not possible on Cloud Functions: they are programs that run beside this one, and " +
				"what is not answering a request gets no CPU there",
		},
	})
	if err != nil {
		return nil, err
	}
	return &Function{app: a, events: newEvents(a), flusher: newFlusher(a.Providers)}, nil
}

// ServeHTTP answers a request that the framework hands over.
func (f *Function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.Begin()
	defer f.requests.End()
	ctx, cancel := withinDeadline(r.Context())
	defer cancel()
	r = r.WithContext(withTrace(ctx, r.Header))

	a := &answer{ResponseWriter: w, health: f.app.Health}
	defer f.flush(ctx)
	defer a.endReading(ctx, r.Body)
	defer a.cut()
	if f.events.refuse(a, r) {
		return
	}
	f.app.API.ServeHTTP(a, r)
	a.late(ctx)
}

// flush sends what the requests so far have recorded, unless another one is still in flight: that one will.
func (f *Function) flush(ctx context.Context) {
	if f.requests.InFlight() <= 1 {
		f.flusher.flush(ctx)
	}
}

// exporters sends telemetry over OTLP/HTTP, as the standard OTEL_* variables say.
func exporters() (telemetry.Exporters, error) { return otlphttp.Exporters(os.Getenv) }

// reportStart logs why there is no function to serve, on a line that the console shows as critical.
func reportStart(stderr io.Writer, err error) {
	layout := logging.CloudLogging("")
	layout.Stack = "" // The way to here says nothing about a setting.
	logging.NewWithLayout(stderr, "fatal", layout).Log(logrus.FatalLevel, "podinfo cannot start: "+err.Error())
}
