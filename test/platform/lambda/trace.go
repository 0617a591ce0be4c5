package lambda

import (
	"fmt"
	"strings"
	"time"
)

// traceRoot returns the Root of an X-Ray tracing header, a new one if the header has none.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
func traceRoot(header string) string {
	if root, ok := traceField(header, "Root"); ok {
		return root
	}
	return fmt.Sprintf("1-%08x-%s", time.Now().Unix(), randomHex(12))
}

func traceField(header, name string) (string, bool) {
	for field := range strings.SplitSeq(header, ";") {
		if key, value, ok := strings.Cut(strings.TrimSpace(field), "="); ok && key == name {
			return value, value != ""
		}
	}
	return "", false
}

// traceHeader returns the Lambda-Runtime-Trace-Id of an invocation that came with the X-Amzn-Trace-Id incoming, which
// may be empty. The trace stays the same; the parent is the segment that Lambda itself opens for the function. Traces
// are sampled unless the caller decided otherwise.
func traceHeader(incoming string) string {
	sampled, ok := traceField(incoming, "Sampled")
	if !ok {
		sampled = "1"
	}
	return "Root=" + traceRoot(incoming) + ";Parent=" + randomHex(8) + ";Sampled=" + sampled
}
