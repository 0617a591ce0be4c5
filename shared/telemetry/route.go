package telemetry

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// otherMethod is the label of every method that methodLabel does not know. Without it each invented method token would
// be a new set of series, kept for ever.
const otherMethod = "OTHER"

// methodCount is the number of method labels, otherMethod included.
const methodCount = 10

// Route records the requests of one route. The series of a method and status are looked up once, at their first
// request, and then found by index: recording allocates nothing and takes no lock. A Route is bounded by
// methodCount × statuses series whatever clients send. It is safe for concurrent use.
type Route struct {
	metrics *Metrics
	path    string
	methods [methodCount]atomic.Pointer[timings]
}

// timings holds the histograms of one route and method by status.
type timings [statuses]atomic.Pointer[timing]

// timing is one child of http_request_duration_seconds, boxed so that a table can hold it behind an atomic pointer.
type timing struct{ prometheus.Observer }

// Observe records one finished request: it counts it and adds its duration in seconds to the histogram. A method that
// is none of RFC 9110 §9.3 and RFC 5789 is recorded as OTHER, a status outside 100..999 as unknown. The sink gets ctx,
// which is the request's.
func (r *Route) Observe(ctx context.Context, method string, status int, seconds float64) {
	slot := statusSlot(status)
	label := r.metrics.count(slot)
	r.timing(method, slot).Observe(seconds)
	r.tell(ctx, Observation{Method: method, Status: label, Seconds: seconds, Timed: true})
}

// Count records one request without a duration, for a request whose length says nothing about latency: a websocket
// that was upgraded with 101.
func (r *Route) Count(ctx context.Context, method string, status int) {
	label := r.metrics.count(statusSlot(status))
	r.tell(ctx, Observation{Method: method, Status: label})
}

// tell hands a recorded request to the sink, under the labels of its route and method.
func (r *Route) tell(ctx context.Context, o Observation) {
	if r.metrics.sink == nil {
		return
	}
	o.Path = r.path
	_, o.Method = methodLabel(o.Method)
	r.metrics.sink(ctx, o)
}

// timing returns the histogram of a method and status slot. Two first requests may both store one: it is the same
// child of the vector then, so neither is lost.
func (r *Route) timing(method string, slot int) *timing {
	index, label := methodLabel(method)
	table := r.methods[index].Load()
	if table == nil {
		r.methods[index].CompareAndSwap(nil, new(timings))
		table = r.methods[index].Load()
	}
	t := table[slot].Load()
	if t == nil {
		t = &timing{r.metrics.seconds.WithLabelValues(label, r.path, statusLabel(slot))}
		table[slot].Store(t)
	}
	return t
}

// methodLabel returns the index of a method and the value of its label. The label is a constant, never the argument:
// that one is a part of the request line, which a series would keep in memory.
func methodLabel(method string) (index int, label string) {
	switch method {
	case http.MethodGet:
		return 0, http.MethodGet
	case http.MethodHead:
		return 1, http.MethodHead
	case http.MethodPost:
		return 2, http.MethodPost
	case http.MethodPut:
		return 3, http.MethodPut
	case http.MethodPatch:
		return 4, http.MethodPatch
	case http.MethodDelete:
		return 5, http.MethodDelete
	case http.MethodConnect:
		return 6, http.MethodConnect
	case http.MethodOptions:
		return 7, http.MethodOptions
	case http.MethodTrace:
		return 8, http.MethodTrace
	}
	return methodCount - 1, otherMethod
}

// rootLabel is the path label of a name that holds no letter or digit, such as "/".
const rootLabel = "root"

// PathLabel returns the value of the path label for a route's name or template: every run of bytes other than ASCII
// letters and digits becomes one underscore, none at the ends, the rest in lower case; "root" when nothing is left.
func PathLabel(name string) string {
	label := make([]byte, 0, len(name))
	gap := false
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			gap = len(label) > 0
			continue
		}
		if gap {
			label = append(label, '_')
			gap = false
		}
		label = append(label, c)
	}
	if len(label) == 0 {
		return rootLabel
	}
	return string(label)
}
