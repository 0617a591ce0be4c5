package testkit

import (
	"fmt"
	"os"
)

// Gone tells whether a process has ended. One that ended and that nobody has asked for is gone too: whoever its parent
// is now may take its time.
func Gone(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || state(status) == 'Z'
}
