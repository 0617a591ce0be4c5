// Package proc runs a program that is not trusted to behave, and leaves nothing behind when it has ended: no
// descendant, no zombie, no descriptor. How much of that can be promised depends on the platform; Linux keeps all of
// it.
//
// A process that is started here
//
//   - reads nothing from its standard input, has the environment that it is given and none of ours, and holds the read
//     end of a pipe as descriptor 3. Its write end is ours alone, so that it reports the end of this process however
//     that comes about;
//   - is the leader of a process group of its own;
//   - on Linux, is killed by the kernel should this process be, cannot gain privileges by executing a file, is a better
//     victim than this process when memory runs out, and has its limits before its first instruction, or a moment later
//     where processes must not be traced. Each of its descendants carries a mark by which it is found even after it has
//     left group and parent (see mark).
package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// LifeFD is the descriptor of the life pipe in the process. Reading from it ends when this process does.
const LifeFD = 3

// sweep bounds how long the descendants of an ended process are hunted.
const sweep = 5 * time.Second

// Spec is what to start.
type Spec struct {
	Path   string   // of the program
	Name   string   // that the program is started under, its first argument
	Env    []string // all of its environment, but for what follows from Limits
	Dir    string   // where it works
	Limits Limits
	Cgroup string // in which the process gets a control group of its own; see Delegated
}

// Process is a program that was started. Whoever started it reads Stdout and Stderr to their ends.
type Process struct {
	Stdout, Stderr *os.File

	spec   Spec
	leash  leash
	cmd    *exec.Cmd
	pid    int
	files  [3]*os.File // the program's ends of the pipes
	life   *os.File    // our end
	exited chan struct{}
	gone   chan struct{}
	exit   string
	left   error
	pipes  sync.Once
}

// Start starts the program, which runs already when Start returns.
func Start(s Spec) (*Process, error) {
	p := &Process{spec: s, exited: make(chan struct{}), gone: make(chan struct{})}
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("open the pipes of %s: %w", s.Path, err)
	}
	started := make(chan error)
	go p.run(started)
	err := <-started
	closeAll(p.files[:]...)
	if err != nil {
		p.Release()
		closeAll(p.life)
		return nil, explain(s.Path, err)
	}
	return p, nil
}

// open makes the pipes.
func (p *Process) open() error {
	var all []*os.File
	for range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(all...)
			return err
		}
		all = append(all, r, w)
	}
	p.Stdout, p.Stderr, p.life = all[0], all[2], all[5]
	p.files = [3]*os.File{all[1], all[3], all[4]}
	return nil
}

// run is the process's own goroutine. It keeps its thread for itself, because the kernel ties three things to the
// thread and not to the process: what privileges a child may gain, whose end kills the child, and who traces it. The
// thread would spend the life of the process in the kernel waiting for it anyway, and ends with this goroutine.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer close(p.gone)
	prepareThread()
	if err := p.start(); err != nil {
		started <- err
		return
	}
	p.pid = p.cmd.Process.Pid
	p.leash.constrain(p.pid, p.spec.Limits)
	started <- nil

	var watch sync.WaitGroup
	watch.Go(func() { p.leash.watch(p.pid, p.exited) })
	finish(p.cmd)
	p.exit = p.cmd.ProcessState.String()
	close(p.exited)
	watch.Wait()
	p.left = p.leash.sweep(time.Now().Add(sweep))
	closeAll(p.life)
}

// start starts the program, if need be without what a container may forbid: to trace a process, and to start one in a
// control group.
func (p *Process) start() error {
	p.leash = newLeash(p.spec.Cgroup, p.spec.Limits)
	p.cmd = p.command()
	err := p.cmd.Start()
	if err != nil && p.leash.loosen() {
		p.cmd = p.command()
		err = p.cmd.Start()
	}
	return err
}

func (p *Process) command() *exec.Cmd {
	return &exec.Cmd{
		Path: p.spec.Path,
		Args: []string{p.spec.Name},
		Env:  append(p.spec.Limits.environ(), p.spec.Env...),
		Dir:  p.spec.Dir,
		// Files and not writers: exec would wait for the pipes before it notices that the process has ended.
		Stdout: p.files[0], Stderr: p.files[1], ExtraFiles: p.files[2:],
		SysProcAttr: p.leash.attributes(),
	}
}

// PID is the number of the process.
func (p *Process) PID() int { return p.pid }

// Exited is closed once the process is gone, whether or not its descendants are.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Exit says how the process ended, such as "exit status 3" or "signal: killed". It is empty before that.
func (p *Process) Exit() string {
	select {
	case <-p.exited:
		return p.exit
	default:
		return ""
	}
}

// Gone is closed once the process is gone with all its descendants, or once these were hunted for too long, which Left
// tells apart.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Left says why descendants of the process may still be there. It is for after Gone.
func (p *Process) Left() error { return p.left }

// Kill ends the process at once. It does not wait; Exited and Gone tell when it is done.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only for a process that has ended
}

// Release closes our ends of the program's output, for when whoever reads them shall stop.
func (p *Process) Release() { p.pipes.Do(func() { closeAll(p.Stdout, p.Stderr) }) }

// Memory is what the process has resident, in bytes, or 0 when that is not known.
func (p *Process) Memory() uint64 {
	select {
	case <-p.exited:
		return 0
	default:
		return resident(p.pid)
	}
}

// explain adds what to do to the errors of starting a file that people run into.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%w; %s is no program for this machine, build it for %s/%s",
			err, strconv.Quote(path), runtime.GOOS, runtime.GOARCH)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; make it executable, in a directory that is not mounted noexec", err)
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("%w; the file is missing, or needs a loader that this system lacks (build with CGO_ENABLED=0)", err)
	}
	return err
}

func closeAll[C io.Closer](all ...C) {
	for _, c := range all {
		_ = c.Close() // ends of pipes
	}
}
