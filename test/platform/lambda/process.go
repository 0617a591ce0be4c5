package lambda

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// outputLimit bounds what is kept of each output stream of a function, in bytes.
const outputLimit = 16 << 20

// process is a running bootstrap.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed once the process has ended and its output is complete
}

func startProcess(binary, dir string, env []string, stdout, stderr *output) (*process, error) {
	p := &process{cmd: exec.Command(binary), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	p.cmd.WaitDelay = time.Second // a grandchild that holds the pipes must not hold up the test
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

// output keeps what processes write, for readers that look on while they write.
type output struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := outputLimit - o.kept.Len(); room > 0 {
		o.kept.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}
