package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/podinfo-targets/podinfo/test/platform/queueproxy/internal/wire"
)

// start starts a process in the namespace. Its output goes to files, which stay complete whatever happens here.
func start(inside *namespace, p wire.Process, events *events) (*os.Process, error) {
	stdout, err := os.Create(p.Stdout)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stdout.Close() }()
	stderr, err := os.Create(p.Stderr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stderr.Close() }()
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env = append([]string{}, p.Env...) // never nil: that would pass our own environment on
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Dir, stdout, stderr
	inside.do(func() { err = cmd.Start() })
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.Name, err)
	}
	go func() {
		_ = cmd.Wait() // What it would say is read from ProcessState.
		events.send(wire.Event{Process: p.Name, Code: cmd.ProcessState.ExitCode()})
	}()
	return cmd.Process, nil
}
