// Command pod does what a container runtime does for a pod: it starts processes that share a network of their own, and
// forwards connections between that network and the machine's. Package queueproxy starts it, in new user, process and
// mount namespaces, and talks to it in JSON: a Spec and then Signals arrive on its standard input, and Events leave by
// its standard output. It ends, and all that it started with it, when its input does.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/podinfo-targets/podinfo/test/platform/queueproxy/internal/wire"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pod:", err)
		os.Exit(1)
	}
}

func run() error {
	orders := json.NewDecoder(os.Stdin)
	var spec wire.Spec
	if err := orders.Decode(&spec); err != nil {
		return fmt.Errorf("reading what to run: %w", err)
	}
	if err := mountProc(); err != nil {
		// Some containers allow no such mount. Then only the metrics about processes are wrong.
		fmt.Fprintln(os.Stderr, "pod:", err)
	}
	inside, err := newNamespace()
	if err != nil {
		return err
	}
	events := &events{encoder: json.NewEncoder(os.Stdout)}
	for _, f := range spec.In {
		if err := forwardIn(inside, f, events); err != nil {
			return err
		}
	}
	for _, address := range spec.Out {
		if err := forwardOut(inside, address); err != nil {
			return err
		}
	}
	processes := make(map[string]*os.Process)
	for _, p := range spec.Processes {
		if processes[p.Name], err = start(inside, p, events); err != nil {
			return err
		}
	}
	return obey(orders, processes)
}

// obey passes signals on until there are no more orders.
func obey(orders *json.Decoder, processes map[string]*os.Process) error {
	for {
		var s wire.Signal
		if err := orders.Decode(&s); err != nil {
			return nil //nolint:nilerr // The test has ended, or ended in the middle of a word.
		}
		if p := processes[s.Process]; p != nil {
			_ = p.Signal(syscall.Signal(s.Number)) // It may have ended.
		}
	}
}

// events writes for many.
type events struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

func (e *events) send(event wire.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.encoder.Encode(event) // Nobody reads: then the end is near.
}
