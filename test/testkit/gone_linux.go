package testkit

import (
	"bytes"
	"fmt"
	"os"
)

// Gone tells whether a process has ended. One that ended and that nobody has asked for is gone too: whoever its parent
// is now may take its time.
func Gone(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	after := bytes.LastIndexByte(status, ')') // The name of the program before it may hold anything.
	return after >= 0 && bytes.HasPrefix(status[after:], []byte(") Z"))
}
