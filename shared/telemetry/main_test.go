package telemetry_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"
)

// TestMain fails the package when a goroutine outlives the tests: all of them have an owner that ends them. An export
// that was cut off may need a moment to notice, less than the ten seconds that one to a dead collector takes.
//
// Nothing that happens here is reported to OpenTelemetry's global error handler, which would print it past the log.
func TestMain(m *testing.M) {
	var reported atomic.Value
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { reported.Store(err.Error()) }))
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
	if report := reported.Load(); code == 0 && report != nil {
		fmt.Fprintln(os.Stderr, "reported to OpenTelemetry's global error handler:", report)
		code = 1
	}
	os.Exit(code)
}
