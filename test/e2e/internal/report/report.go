// Package report is what the program that sends requests in a cluster and the tests that start it have to agree on.
package report

// Report is what has become of requests so far. Requests = answered with 2xx and a whole body + Failed.
type Report struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Failures counts the failed requests by what was wrong with them: a status or an error.
	Failures map[string]int `json:"failures"`
	// FirstFailure is when a request failed for the first time.
	FirstFailure string `json:"first_failure"`
	// Retried counts requests that met a connection which the server had just closed for being idle, and that Go's
	// client, as every client of HTTP/1.1 must be ready to (RFC 9112 §9.3.1), sent again on another one. They have not
	// failed.
	Retried int `json:"retried"`
	// By counts the answers by what was found in them.
	By map[string]int `json:"by"`
	// SlowestMillis is how long the slowest answer took.
	SlowestMillis int64 `json:"slowest_ms"`
	// Done is set on the last report.
	Done bool `json:"done"`
}
