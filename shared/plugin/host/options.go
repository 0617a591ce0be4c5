package host

import (
	"cmp"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// Options say where the plugins are and what they may take. What is zero has the default that its comment names.
type Options struct {
	// Dir is the directory of the plugins' files, which several hosts may share.
	Dir string
	// StageDir is where the host keeps its own copies of the files, in a private directory that goes with it. Empty is
	// the temporary directory.
	StageDir string
	// Checksums is a file in the format of sha256sum. A plugin that it does not name, or names with another checksum,
	// is not run. Empty allows every file. It is read again for each file that comes or changes, and what it did not
	// allow is tried again when it changes.
	Checksums string

	Poll         time.Duration // between two looks at Dir; 2 seconds
	CallTimeout  time.Duration // for the whole of a call, with its one retry; 10 seconds
	StartTimeout time.Duration // for a process to come up; 10 seconds
	MaxCalls     int           // in flight, per plugin; 64
	MaxFile      int64         // bytes of a plugin's file; 128 MiB
	MTLS         bool          // whether the host and its plugins authenticate each other with certificates of their own
	Limits       Limits        // of a plugin's process

	// Caller is what plugins may call through the broker. Nil offers them nothing.
	Caller contract.Caller
	// Log gets every change of a plugin's state and what plugins write. Nil is none.
	Log *logrus.Logger
	// Metrics gets the families podinfo_plugin_*, until Close. Nil is none.
	Metrics prometheus.Registerer
	// Tracer makes the span of each call. Nil is none.
	Tracer trace.TracerProvider
}

// Limits are what a plugin's process may take where the platform can hold it to that. Zero is no limit.
type Limits struct {
	Memory uint64 // bytes
}

const (
	defaultPoll        = 2 * time.Second
	defaultCallTimeout = 10 * time.Second
	defaultMaxCalls    = 64
)

// withDefaults returns the options with what they leave out, but for what other packages know the default of.
func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = logrus.New()
		o.Log.SetOutput(io.Discard)
	}
	o.CallTimeout = cmp.Or(max(o.CallTimeout, 0), defaultCallTimeout)
	o.Poll = cmp.Or(max(o.Poll, 0), defaultPoll)
	o.MaxCalls = cmp.Or(max(o.MaxCalls, 0), defaultMaxCalls)
	return o
}
