package lambda

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// outputLimit bounds what is read of each output stream of a function, in bytes.
const outputLimit = 16 << 20

// process is a running bootstrap.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed once the process has ended
}

func startProcess(binary, dir string, env []string, stdout, stderr output) (*process, error) {
	p := &process{cmd: exec.Command(binary), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = stdout.file, stderr.file
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the function %s: %w", binary, err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // what it would say is read from ProcessState
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// code returns the exit code of a process that has ended, -1 if a signal ended it.
func (p *process) code() int { return p.cmd.ProcessState.ExitCode() }

// signal sends a signal; a process that has ended does not mind.
func (p *process) signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) }

func (p *process) dead() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// fate says in Lambda's words how a process ended that it did not end itself.
func (p *process) fate() string {
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return "signal: " + status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", p.code())
}

// output keeps what processes write, in a file, so that what was written before a response is there when the response
// is. Through a pipe it could come later.
type output struct{ file *os.File }

func newOutput(path string) (output, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600) // a new process continues after the last
	return output{file}, err
}

func (o output) String() string {
	text, err := io.ReadAll(io.NewSectionReader(o.file, 0, outputLimit))
	if err != nil {
		return "the output cannot be read: " + err.Error()
	}
	return string(text)
}
