package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin/runner"
	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/proc"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

// drain is how long what a process has written is still read once it and its descendants are gone.
const drain = time.Second

// runner is the process as go-plugin sees it. Its life is prepare, Start, await, clear.
type runner struct {
	options Options
	binary  Binary
	log     *logrus.Entry
	chatter hclog.Logger // go-plugin's own
	output  *output      // the plugin's

	dir   string   // the process's own
	env   []string // its environment
	hello *io.PipeReader
	read  *io.PipeWriter

	mu      sync.Mutex
	process *proc.Process
	aborted bool  // there shall be no process
	killed  bool  // it did not end by itself
	refused error // why the plugin is not one

	readers sync.WaitGroup
}

var _ goplugin.Runner = (*runner)(nil)

func newRunner(o Options, b Binary) *runner {
	log := o.Log.WithField("plugin", b.Name.File)
	hello, read := io.Pipe()
	return &runner{
		options: o, binary: b, log: log, chatter: chatter(log), output: newOutput(log), hello: hello, read: read,
	}
}

// prepare is goplugin.ClientConfig's RunnerFunc. The directory was made by go-plugin, which does not remove it on every
// way that a start can fail.
func (r *runner) prepare(_ hclog.Logger, cmd *exec.Cmd, dir string) (goplugin.Runner, error) {
	r.dir = dir
	r.env = append(Environ(r.options.Environ), cmd.Env...)
	r.env = append(r.env, wire.LifeFD+"="+strconv.Itoa(proc.LifeFD), "TMPDIR="+dir)
	return r, nil
}

// Start starts the process.
func (r *runner) Start(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.aborted {
		return context.Canceled
	}
	p, err := proc.Start(proc.Spec{
		Path: r.binary.Path, Name: r.binary.Name.File, Env: r.env, Dir: r.dir,
		Limits: r.options.Limits, Cgroup: proc.Delegated(),
	})
	if err != nil {
		r.refused = err
		return err
	}
	r.process = p
	r.readers.Go(func() { r.readErrors(p.Stderr) })
	r.readers.Go(func() { r.readOutput(p.Stdout, p.Exited()) })
	return nil
}

// readErrors keeps what the plugin writes to stderr.
func (r *runner) readErrors(stderr io.Reader) {
	w := r.output.writer("stderr")
	defer w.flush()
	_, _ = io.Copy(w, stderr) // ends with the process
}

// readOutput gives go-plugin the first line of stdout, when it is a handshake, and keeps the rest.
func (r *runner) readOutput(stdout io.Reader, exited <-chan struct{}) {
	lines := bufio.NewReaderSize(stdout, longestHandshake)
	line, err := lines.ReadSlice('\n')
	hello, err := r.greet(string(line), err)
	// A process that ends closes its output first. How it ended says more than that it printed nothing.
	if ended := errors.Is(err, errSilent) && within(drain, exited); err != nil && !ended {
		r.refuse(err)
	}
	_, _ = io.WriteString(r.read, hello) // fails when go-plugin has given up
	_ = r.read.Close()
	w := r.output.writer("stdout")
	defer w.flush()
	_, _ = io.Copy(w, lines) // ends with the process
}

var errSilent = errors.New("the plugin closed its stdout without a handshake")

// greet returns the line for go-plugin.
func (r *runner) greet(line string, err error) (string, error) {
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("the first line that the plugin printed is longer than the %d bytes of a handshake",
			longestHandshake)
	case err != nil && line == "":
		return "", errSilent
	}
	h, err := parse(line)
	if err != nil {
		return "", err
	}
	if err := h.agree(r.binary.Name.Transport, r.options.MTLS); err != nil {
		return "", err
	}
	return h.line() + "\n", nil
}

func (r *runner) refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = err
}

// expel ends the process of a plugin that sent what it must not.
func (r *runner) expel(err error) {
	r.log.WithError(err).Error("The plugin is ended for what it sent")
	r.refuse(err)
	r.abort()
}

// fault is the error of a start for people, when go-plugin's is err.
func (r *runner) fault(ctx context.Context, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.refused != nil:
		return fmt.Errorf("%w: %w", contract.ErrBroken, r.refused)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the plugin was not ready within %s: %w", r.options.StartTimeout, ctx.Err())
	case ctx.Err() != nil:
		return ctx.Err()
	case r.process != nil && !r.killed && r.process.Exit() != "":
		return fmt.Errorf("the plugin ended before it was ready (%s)%s", r.process.Exit(), r.output.lastWords())
	}
	return err
}

// abort ends the process, or keeps it from starting.
func (r *runner) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aborted = true
	if r.process != nil && r.process.Exit() == "" {
		r.killed = true
		r.process.Kill()
	}
}

// exited is closed once the process is gone, or when there was none.
func (r *runner) exited() <-chan struct{} {
	if p := r.started(); p != nil {
		return p.Exited()
	}
	none := make(chan struct{})
	close(none)
	return none
}

func (r *runner) started() *proc.Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

// await gives the process time to end until hurry is closed, and then ends it. It returns when the process is gone with
// all its descendants and its output was read.
func (r *runner) await(hurry <-chan struct{}) {
	p := r.started()
	if p == nil {
		return
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.Exited():
	case <-timer.C:
	case <-hurry:
	}
	r.abort()
	if !within(2*patience, p.Gone()) {
		r.log.WithField("pid", p.PID()).Error("The plugin's process does not end, though it was killed")
		p.Release()
		return
	}
	if err := p.Left(); err != nil {
		r.log.WithError(err).Error("Processes of the plugin are left")
	}
	// Where descendants are not ended with the process, they may keep its pipes open.
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		r.readers.Wait()
	}()
	within(drain, drained)
	p.Release()
	<-drained
}

// clear removes what the process leaves.
func (r *runner) clear() {
	_ = r.hello.Close() // never fails
	r.output.close()
	if r.dir == "" {
		return
	}
	if err := os.RemoveAll(r.dir); err != nil {
		r.log.WithError(err).Error("The directory of the plugin's process cannot be removed")
	}
}

// Stdout is the handshake, and nothing after it.
func (r *runner) Stdout() io.ReadCloser { return r.hello }

// Stderr is empty: go-plugin panics on some lines, such as a JSON object whose @message is a number.
func (r *runner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Wait returns once the process is gone.
func (r *runner) Wait(context.Context) error {
	<-r.exited()
	return nil
}

// Kill ends the process.
func (r *runner) Kill(context.Context) error {
	r.abort()
	return nil
}

// ID is the number of the process, or empty when there is none.
func (r *runner) ID() string {
	if p := r.started(); p != nil {
		return strconv.Itoa(p.PID())
	}
	return ""
}

// Name is for go-plugin's own lines.
func (r *runner) Name() string { return r.binary.Name.File }

// Diagnose has nothing to add.
func (r *runner) Diagnose(context.Context) string { return "" }

// PluginToHost refuses each address but that of a socket in the process's own directory.
func (r *runner) PluginToHost(network, address string) (hostNetwork, hostAddress string, err error) {
	if err := inside(r.dir, network, address); err != nil {
		r.refuse(err)
		return "", "", err
	}
	return network, address, nil
}

// HostToPlugin changes nothing: both see the same files.
func (r *runner) HostToPlugin(network, address string) (pluginNetwork, pluginAddress string, err error) {
	return network, address, nil
}
