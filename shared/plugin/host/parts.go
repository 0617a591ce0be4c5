package host

import (
	"context"
	"errors"
	"math"
	"os"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/launch"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/stage"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

// process is a plugin's process that came up: a *launch.Process, or what a test has in its place.
type process interface {
	Client() wire.Client
	Info() contract.Info
	PID() int
	Exited() <-chan struct{}
	Exit() string
	Ping(ctx context.Context) error
	Memory() uint64
	Kill(ctx context.Context)
}

// stager makes the copies that processes run from: a *stage.Stage.
type stager interface {
	Add(ctx context.Context, source string, name contract.Name) (stage.File, error)
	Release(file stage.File)
}

// parts are what the life of a plugin is made of, so that a test can hold it against parts that misbehave on demand.
type parts struct {
	stage  stager
	launch func(ctx context.Context, file stage.File) (process, error)
	pace   pace
}

// directories are what the plugins of a host have on disk.
type directories struct {
	stage   *stage.Stage
	sockets *stage.Private
}

func openDirectories(o Options) (*directories, error) {
	copies, err := stage.Open(o.StageDir, stage.Options{Checksums: o.Checksums, MaxFile: o.MaxFile})
	if err != nil {
		return nil, err
	}
	sockets, err := stage.MakePrivate() // Not in the stage, whose path may be longer than a socket's can be.
	if err != nil {
		return nil, errors.Join(err, copies.Close())
	}
	return &directories{copies, sockets}, nil
}

// close deletes them.
func (d *directories) close() error { return errors.Join(d.stage.Close(), d.sockets.Close()) }

// parts returns what runs plugins in the directories.
func (d *directories) parts(o Options) parts {
	options := launch.Options{
		Log: o.Log, MTLS: o.MTLS, Dir: d.sockets.Path(), StartTimeout: o.StartTimeout, Limits: o.Limits.launch(),
		Environ: os.Environ(),
	}
	start := func(ctx context.Context, f stage.File) (process, error) {
		options := options
		options.Caller = nameCaller(o.Caller, f.Name.File)
		p, err := launch.Start(ctx, options, launch.Binary{Name: f.Name, Path: f.Path, SHA256: f.SHA256})
		if err != nil {
			return nil, err // And no interface that holds a nil pointer.
		}
		return p, nil
	}
	return parts{stage: d.stage, launch: start, pace: usual(o.CallTimeout)}
}

// What a plugin needs, and then some: it has a connection or two, and turns values of up to 16 MiB.
const (
	maxOpen    = 1024     // files at a time
	maxWritten = 64 << 20 // bytes of a file
)

// launch returns the limits as launch has them.
func (l Limits) launch() launch.Limits {
	return launch.Limits{
		MemoryBytes: int64(min(l.Memory, math.MaxInt64)), MaxFiles: maxOpen, FileBytes: maxWritten,
	}
}
