package lambda

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// sandbox is an execution environment: one process and the APIs that it talks to.
//
// Its life is a row of phases, Init first and then one for each invocation. A phase ends when the runtime and every
// extension have asked for what is next. Then the process is frozen, until there is something.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
type sandbox struct {
	o       Options
	process *process
	server  *http.Server
	events  chan *invocation // to the runtime that asked for the next one

	mu         sync.Mutex
	phase      chan struct{} // closed at the end of the current phase
	initiated  bool          // the Init phase is over
	waiting    bool          // the runtime has asked for the next event
	frozen     bool
	ending     bool           // the Shutdown phase has begun: there is no more freezing
	current    *invocation    // what the runtime works on, nil between invocations
	initFault  *functionError // what the runtime reported of its Init phase
	extensions map[string]*extension

	serving sync.WaitGroup
	closing sync.Once
}

func startSandbox(f *Function) (*sandbox, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the function: %w", err)
	}
	s := &sandbox{
		o: f.o, events: make(chan *invocation), phase: make(chan struct{}), extensions: map[string]*extension{},
	}
	s.server = &http.Server{Handler: s.api(), ReadHeaderTimeout: time.Minute}
	s.mu.Lock() // the process may be quicker than this function
	defer s.mu.Unlock()
	s.serving.Go(func() { _ = s.server.Serve(listener) }) // returns when close closes the server
	logStream := time.Now().UTC().Format("2006/01/02") + "/[" + functionVersion + "]" + randomHex(16)
	env := f.o.environment(listener.Addr().String(), f.work, logStream)
	if s.process, err = startProcess(f.binary, f.work, env, f.stdout, f.stderr); err != nil {
		return nil, errors.Join(err, s.server.Close())
	}
	for _, path := range f.o.Extensions {
		x := newExtension(filepath.Base(path), nil)
		if x.process, err = startProcess(path, f.work, forExtensions(env), f.stdout, f.stderr); err != nil {
			s.process.signal(syscall.SIGKILL)
			return nil, errors.Join(err, s.server.Close())
		}
		s.extensions[newID()] = x
	}
	return s, nil
}

// close ends the external extensions of a sandbox whose process has ended, and gives back what it holds. The reason is
// what the extensions hear: SPINDOWN, TIMEOUT or FAILURE.
func (s *sandbox) close(reason string) {
	s.closing.Do(func() {
		<-s.process.exited
		s.dismiss(reason)
		_ = s.server.Close()
		s.serving.Wait()
	})
}

func (s *sandbox) dead() bool { return s.process.dead() }

// awaitInit waits for the end of the Init phase. A fault is why it failed; the process has ended then.
func (s *sandbox) awaitInit(timeout time.Duration) *functionError {
	s.mu.Lock()
	phase, over := s.phase, s.initiated
	s.mu.Unlock()
	if over {
		return nil
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-phase:
		return nil
	case <-s.process.exited:
		s.close("FAILURE")
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.initFault != nil {
			return s.initFault
		}
		return exitFault("", s.process)
	case <-timer.C:
		s.kill("TIMEOUT")
		return &functionError{Type: "Sandbox.Timedout", Message: fmt.Sprintf("Error: Init timed out after %.2f seconds",
			timeout.Seconds())}
	}
}

// serve hands an invocation to the runtime and returns when its phase has ended, or the process has.
func (s *sandbox) serve(inv *invocation, timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	phase := s.begin(inv, time.Now().Add(timeout))
	select {
	case s.events <- inv:
	case <-s.process.exited:
	case <-timer.C:
		s.timeOut(inv, timeout)
		return
	}
	select {
	case <-phase:
	case <-s.process.exited:
		inv.fail(exitFault(inv.id, s.process))
		s.close("FAILURE")
	case <-timer.C:
		s.timeOut(inv, timeout)
	}
}

// begin opens the phase of an invocation.
func (s *sandbox) begin(inv *invocation, deadline time.Time) (phase chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv.deadline = deadline
	s.phase = make(chan struct{})
	s.current, s.waiting = inv, false
	s.thaw()
	for _, x := range s.extensions {
		x.notify(s.o, inv)
	}
	return s.phase
}

// ended looks whether the phase is over, and ends it. The lock is held.
func (s *sandbox) ended() {
	if !s.waiting {
		return
	}
	for _, x := range s.extensions {
		if !x.waiting {
			return
		}
	}
	s.initiated = true
	close(s.phase)
	if !s.o.Awake && !s.ending {
		s.frozen = true
		s.signal(syscall.SIGSTOP)
	}
}

// thaw lets a frozen process run. The lock is held.
func (s *sandbox) thaw() {
	if s.frozen {
		s.frozen = false
		s.signal(syscall.SIGCONT)
	}
}

// signal signals all processes of the environment. The lock is held.
func (s *sandbox) signal(sig syscall.Signal) {
	s.process.signal(sig)
	for _, x := range s.extensions {
		if x.process != nil {
			x.process.signal(sig)
		}
	}
}

// timeOut ends an invocation that outlived its timeout, and the process with it: the environment is reset.
// https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html#troubleshooting-timeouts
func (s *sandbox) timeOut(inv *invocation, timeout time.Duration) {
	s.process.signal(syscall.SIGKILL)
	<-s.process.exited
	defer s.close("TIMEOUT")
	inv.fail(&functionError{Type: "Sandbox.Timedout", Message: fmt.Sprintf(
		"RequestId: %s Error: Task timed out after %.2f seconds", inv.id, timeout.Seconds())})
}

// kill ends the process at once, and then the environment for the given reason.
func (s *sandbox) kill(reason string) {
	s.process.signal(syscall.SIGKILL)
	s.close(reason)
}

// shutdown ends the process in the way of Lambda's Shutdown phase: SIGTERM and some grace for a process that has
// registered an extension, SIGKILL for the others.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
func (s *sandbox) shutdown(grace time.Duration) {
	s.mu.Lock()
	extended := len(s.extensions) > 0
	s.ending = true
	s.thaw()
	s.mu.Unlock()
	if extended {
		s.process.signal(syscall.SIGTERM)
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-s.process.exited:
		case <-timer.C:
		}
	}
	s.kill("SPINDOWN")
}

// exitFault is the fault of a process that ended while it was needed.
// https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
func exitFault(requestID string, p *process) *functionError {
	prefix := ""
	if requestID != "" {
		prefix = "RequestId: " + requestID + " "
	}
	if p.code() == 0 {
		return &functionError{Type: "Runtime.ExitError", Message: prefix + "Error: Runtime exited without providing a reason"}
	}
	return &functionError{Type: "Runtime.ExitError", Message: prefix + "Error: Runtime exited with error: " + p.fate()}
}
