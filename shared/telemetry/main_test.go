package telemetry_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails the package when a goroutine outlives the tests: all of them have an owner that ends them. An export
// that was cut off may need a moment to notice, less than the ten seconds that one to a dead collector takes.
func TestMain(m *testing.M) {
	code := m.Run()
	deadline := time.Now().Add(5 * time.Second)
	leak := goleak.Find()
	for leak != nil && time.Now().Before(deadline) {
		leak = goleak.Find()
	}
	if code == 0 && leak != nil {
		fmt.Fprintln(os.Stderr, leak)
		code = 1
	}
	os.Exit(code)
}
