package main

import (
	"io"
	"sync"
)

// inTurn makes two writers wait for each other. Lambda collects standard output and standard error into one log, where
// the end of a long line must not come after another line's beginning.
func inTurn(stdout, stderr io.Writer) (io.Writer, io.Writer) {
	mu := new(sync.Mutex)
	return &turnWriter{mu, stdout}, &turnWriter{mu, stderr}
}

type turnWriter struct {
	mu  *sync.Mutex
	out io.Writer
}

func (w *turnWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(line)
}
