package lambda_test

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/conformance"
	"github.com/podinfo-targets/podinfo/test/platform/lambda"
)

// The reasons end up in the middle of a sentence.
func TestLimitsAreClauses(t *testing.T) {
	t.Parallel()
	for _, shape := range lambda.Shapes() {
		for name, reason := range shape.Limits() {
			if reason == "" || strings.HasSuffix(reason, ".") {
				t.Errorf("%s lacks %q because of %q", shape, name, reason)
			}
		}
	}
}

// Whoever streams can stream, and whoever does not says so.
func TestOnlyTheStreamedURLStreams(t *testing.T) {
	t.Parallel()
	for _, shape := range lambda.Shapes() {
		if _, lacks := shape.Limits()[conformance.Streaming]; lacks == (shape == lambda.FunctionURLStream) {
			t.Errorf("%s: lacks streaming is %t", shape, lacks)
		}
	}
}
