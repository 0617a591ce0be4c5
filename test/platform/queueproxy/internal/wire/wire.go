// Package wire is what package queueproxy and command pod say to each other, one JSON value after the other.
package wire

// Spec is what a pod consists of.
type Spec struct {
	In        []string // ports of the pod to forward connections to, each from a free port of 127.0.0.1
	Out       []string // host:port of the machine that the pod reaches by the same address
	Processes []Process
}

// Process is a program with all that it gets.
type Process struct {
	Name           string
	Path           string
	Args, Env      []string
	Dir            string
	Stdout, Stderr string // files
}

// Signal asks for a signal to a process.
type Signal struct {
	Process string
	Number  int
}

// Event says where connections to a port are taken, or how a process ended.
type Event struct {
	Port    string `json:",omitempty"`
	Address string `json:",omitempty"`
	Process string `json:",omitempty"`
	Code    int    // -1 if a signal ended it
}
