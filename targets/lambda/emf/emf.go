// Package emf writes metrics as CloudWatch reads them out of a log: one line of JSON each, in the embedded metric
// format. A function on Lambda has no port that could be scraped; CloudWatch takes the metrics from the lines that it
// prints, without a request of its own and without an agent.
//
// A line says which of its members are metrics, and which of them tell the metrics apart (dimensions). All other
// members are properties: they cost nothing, and can be searched for in CloudWatch Logs Insights. The format is
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
package emf

import (
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"time"
)

// The units that this project needs of those that
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html lists.
const (
	Seconds = "Seconds"
	Count   = "Count"
)

// Metric is one value. Names are unique within a document.
type Metric struct {
	Name  string
	Unit  string
	Value float64 // finite
}

// Dimension is a name and a value that tell a metric from others of its name. Each combination of values is a metric
// of its own, and is billed as one: take only values of a bounded number.
type Dimension struct{ Name, Value string }

// Set is the metrics that have the same dimensions: at most 100 metrics, at most 30 dimensions. Sets of a document may
// share dimensions, which then have the same value in all of them.
type Set struct {
	Dimensions []Dimension
	Metrics    []Metric
}

// Property is a member that is neither a metric nor a dimension. Its value is a string or a bool.
type Property struct {
	Name  string
	Value any
}

// Writer writes documents. It is safe for concurrent use.
type Writer struct {
	namespace string
	mu        sync.Mutex
	out       io.Writer
}

// NewWriter returns a Writer of metrics that belong to namespace. A document is written to out in a single call, so
// that other lines cannot come between its bytes.
func NewWriter(out io.Writer, namespace string) *Writer {
	return &Writer{namespace: namespace, out: out}
}

// Write writes one document with the metrics of that time, as a line. Names of properties must differ from those of
// dimensions and metrics. The error is that of the writer beneath.
func (w *Writer) Write(at time.Time, sets []Set, properties ...Property) error {
	const usual = 1 << 10 // bytes
	line := w.metadata(make([]byte, 0, usual), at, sets)
	for i, set := range sets {
		line = appendTargets(line, set, sets[:i])
	}
	for _, p := range properties {
		line = appendProperty(line, p)
	}
	line = append(line, "}\n"...)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.out.Write(line)
	return err
}

// metadata begins the root node with its member _aws, which says where in the line the metrics are.
func (w *Writer) metadata(line []byte, at time.Time, sets []Set) []byte {
	line = append(line, `{"_aws":{"Timestamp":`...)
	line = strconv.AppendInt(line, at.UnixMilli(), 10)
	line = append(line, `,"CloudWatchMetrics":[`...)
	for i, set := range sets {
		if i > 0 {
			line = append(line, ',')
		}
		line = w.directive(line, set)
	}
	return append(line, "]}"...)
}

// directive appends the MetricDirective of a set.
func (w *Writer) directive(line []byte, set Set) []byte {
	line = append(line, `{"Namespace":`...)
	line = appendText(line, w.namespace)
	line = append(line, `,"Dimensions":[[`...)
	for i, d := range set.Dimensions {
		if i > 0 {
			line = append(line, ',')
		}
		line = appendText(line, d.Name)
	}
	line = append(line, `]],"Metrics":[`...)
	for i, m := range set.Metrics {
		if i > 0 {
			line = append(line, ',')
		}
		line = appendText(append(line, `{"Name":`...), m.Name)
		line = append(appendText(append(line, `,"Unit":`...), m.Unit), '}')
	}
	return append(line, "]}"...)
}

// appendTargets appends the members that the directive of a set points at, but for the dimensions that stand there
// already for the sets before it.
func appendTargets(line []byte, set Set, before []Set) []byte {
	for _, d := range set.Dimensions {
		if !named(before, d.Name) {
			line = appendText(appendName(line, d.Name), d.Value)
		}
	}
	for _, m := range set.Metrics {
		line = strconv.AppendFloat(appendName(line, m.Name), m.Value, 'f', -1, 64)
	}
	return line
}

func named(sets []Set, name string) bool {
	for _, set := range sets {
		for _, d := range set.Dimensions {
			if d.Name == name {
				return true
			}
		}
	}
	return false
}

func appendProperty(line []byte, p Property) []byte {
	line = appendName(line, p.Name)
	if value, is := p.Value.(bool); is {
		return strconv.AppendBool(line, value)
	}
	text, _ := p.Value.(string)
	return appendText(line, text)
}

// appendName appends the name of a member that is not the first.
func appendName(line []byte, name string) []byte {
	return append(appendText(append(line, ','), name), ':')
}

// appendText appends a JSON string.
func appendText(line []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // never fails on a string
			return append(line, quoted...)
		}
	}
	return append(append(append(line, '"'), text...), '"')
}
