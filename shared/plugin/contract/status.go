package contract

import "time"

// State is where a plugin is in its life:
//
//	discovered → staged → starting → ready ⇄ reloading → draining → stopped
//	ready → crashed → backoff → starting, or failed after too many crashes
type State string

// The states.
const (
	Discovered State = "discovered" // its file is there
	Staged     State = "staged"     // the file was copied and checked
	Starting   State = "starting"   // its process does not answer yet
	Ready      State = "ready"      // it serves
	Reloading  State = "reloading"  // it serves while its successor starts
	Draining   State = "draining"   // it finishes the calls in flight and takes no more
	Stopped    State = "stopped"    // it was killed on request, or its file is gone
	Crashed    State = "crashed"    // its process ended by itself
	Backoff    State = "backoff"    // it crashed and will be started again
	Failed     State = "failed"     // it crashed too often, or its file cannot be used
)

// Status is what the host tells about a plugin.
type Status struct {
	Name      string    `json:"name"`      // of its file
	Transport Transport `json:"transport"` // grpc or rpc
	State     State     `json:"state"`
	Since     time.Time `json:"since"`            // when it came to this state
	Error     string    `json:"error,omitempty"`  // why it is not ready, or why the last reload failed
	SHA256    string    `json:"sha256,omitempty"` // of the file that runs, in hexadecimal
	PID       int       `json:"pid,omitempty"`    // of its process
	Info      *Info     `json:"info,omitempty"`   // what it last said of itself
	Restarts  int       `json:"restarts"`         // starts after a crash
	Reloads   int       `json:"reloads"`          // that succeeded
	InFlight  int       `json:"in_flight"`        // calls
}
